// A plugin: unit norm as an op, a pass that finds it in primitive ops, and a kernel of its own.
import { constantDim, count, defineKernel, definePlugin, laneSpace } from "wgpt/codegen";
import { add, at, attrOf, defineNormalization, dimEquals, mul, printType, reduceSum, rsqrt } from "wgpt/ir";
import { Emitter, has, isPrivate, literalOf, on, onWhere, overLastAxis, predicate, rulePass } from "wgpt/passes";
import { template } from "wgpt/template";

export const unitNorm = defineNormalization({
  name: "unit_norm",
  summary: "divide the last axis by its length, then scale",
  operands: ["x", "gain"],
  centre: "none",
  moment: "sum",
  scale: "gain",
  eps: 1e-6,
});

const power = onWhere(reduceSum, overLastAxis, on(mul, "x", "x"));
const normalized = on(mul, "x", on(rsqrt, on(add, power, literalOf("eps"))));

const fuseUnitNorm = rulePass({
  name: "fuse-unit-norm",
  summary: "square, sum, root, scale → one unit_norm",
  role: "fuse",
  rules: [
    {
      name: "scaled-row",
      summary: "x · 1/√(Σx² + eps) · gain → unit_norm(x, gain)",
      sites: (node) => (node.op === mul && node.operands.some((v) => v.type.shape.length === 1) ? node.results : []),
      predicates: [
        has("row-over-its-size", "site", on(mul, normalized, "gain"), "x · 1/√(Σx² + eps) · gain"),
        predicate("gain-is-a-row", (m) => {
          const [x, gain] = [m.value("x"), m.value("gain")];
          const isRow = gain.type.shape.length === 1 && dimEquals(at(gain.type.shape, 0), x.type.shape.at(-1) ?? 0);
          return isRow || `${gain.name} is ${printType(gain.type)}, but ${x.name} is ${printType(x.type)}`;
        }),
        isPrivate("site", ["x", "gain"]),
      ],
      replace(m) {
        const emit = new Emitter(m.index, m.site);
        return emit.replace([m.node], emit.op(unitNorm, [m.value("x"), m.value("gain")], { eps: m.number("eps") }));
      },
    },
  ],
});

const WGSL = `// {{title}}: one workgroup per row, {{lanes}} invocations stride over its {{width}} columns.
{{bindings}}

const LANES = {{lanes}}u;
const WIDTH = {{width}}u;

var<workgroup> squares: array<f32, LANES>;

{{functions}}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.y * groups.x + group.x;
  if (row >= {{rows}}) { return; }
  var sum = 0.0;
  for (var i = lane; i < WIDTH; i += LANES) { sum += load_x(row, i) * load_x(row, i); }
  squares[lane] = sum;
  workgroupBarrier();
  var power = 0.0;
  for (var i = 0u; i < LANES; i++) { power += squares[i]; }
  let scale = inverseSqrt(power + {{f32 eps}});
  for (var i = lane; i < WIDTH; i += LANES) { store_y(row, i, load_x(row, i) * scale * load_gain(i)); }
}
`;

const unitNormRows = defineKernel({
  name: "unit_norm_rows",
  summary: "one workgroup per row",
  kind: unitNorm,
  template: template("unit-norm-rows", WGSL, ["title", "bindings", "functions", "width", "lanes", "eps", "rows"]),
  space: (_region, target) => laneSpace(target),
  refuses({ anchor }) {
    const { dtype, shape } = at(anchor?.operands ?? [], 0).type;
    if (shape.length === 2 && typeof shape[1] === "number" && dtype === "f32") return undefined;
    return "x is no matrix of f32 with rows of a fixed width";
  },
  lower(region, _target, { lanes }) {
    const { operands = [], results = [], attrs = {} } = region.anchor ?? {};
    const [x, gain] = [at(operands, 0), at(operands, 1)];
    const [rows, width] = [at(x.type.shape, 0), constantDim(x.type.shape[1])];
    return {
      params: { width, lanes, eps: attrOf<number>(attrs, "eps"), rows: region.print.dim(rows) },
      functions: [
        region.loadFunction("load_x", x, ["row", "column"]),
        region.loadFunction("load_gain", gain, ["column"]),
        region.storeFunction("store_y", at(results, 0), ["row", "column"]),
      ],
      workgroups: [count(rows), count(), count()],
    };
  },
});

export default definePlugin({
  name: "unit-norm",
  ops: [unitNorm],
  kernels: [unitNormRows],
  passes: [{ pass: fuseUnitNorm, after: "fuse-layer-norm" }],
});
