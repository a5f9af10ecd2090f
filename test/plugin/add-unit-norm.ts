// A plugin: a fusion with two results. A residual is added and normalised by one kernel, which gives the sum as well, for
// what reads the residual later. It builds on the op of another plugin.
import { constantDim, count, defineKernel, definePlugin } from "wgpt/codegen";
import { add, at, attr, attrOf, CompileError, defineOp, printType, typeEquals } from "wgpt/ir";
import { Emitter, has, on, predicate, rulePass } from "wgpt/passes";
import { template } from "wgpt/template";
import { unitNorm } from "./unit-norm.ts";

const addUnitNorm = defineOp({
  name: "add_unit_norm",
  summary: "x + r, and its unit norm",
  operands: ["x", "r", "gain"],
  attrs: { eps: attr.float(1e-6) },
  traits: { anchor: true },
  cases: [{ types: ["f32[3, 7]", "f32[3, 7]", "f32[7]"] }],
  infer([x, r]) {
    if (typeEquals(x, r)) return [x, x];
    throw new CompileError(
      "add_unit_norm",
      `r is ${printType(r)}, but x is ${printType(x)}`,
      "they are added as they lie",
    );
  },
  decompose(emit, [x, r, gain], { eps }) {
    const sum = at(emit(add, [x, r]), 0);
    return [sum, at(emit(unitNorm, [sum, gain], { eps }), 0)];
  },
});

const fuseAddUnitNorm = rulePass({
  name: "fuse-add-unit-norm",
  summary: "a residual's sum and its norm → one add_unit_norm",
  role: "fuse",
  rules: [
    {
      name: "norm-of-sum",
      summary: "s = add(x, r), unit_norm(s, gain) → add_unit_norm(x, r, gain), which gives both",
      sites: (node) => (node.op === unitNorm ? node.results : []),
      predicates: [
        has("row-is-a-sum", "site.0", on(add, "x", "r"), "add(x, r)"),
        predicate("both-sides-lie-alike", (m) => {
          const [x, r] = [m.value("x"), m.value("r")];
          return (
            typeEquals(x.type, r.type) || `${x.name} is ${printType(x.type)}, but ${r.name} is ${printType(r.type)}`
          );
        }),
      ],
      replace(m) {
        const [sum, gain] = [at(m.node.operands, 0), at(m.node.operands, 1)];
        const emitter = new Emitter(m.index, m.site);
        const made = emitter.many(addUnitNorm, [m.value("x"), m.value("r"), gain], m.node.attrs);
        const fresh = new Map([sum, m.site].map((old, i) => [old, at(made, i)]));
        return emitter.replaceEach([m.producer(sum), m.node], fresh);
      },
    },
  ],
});

const WGSL = `// {{title}}: one invocation per row of {{width}} columns.
{{bindings}}

{{functions}}

@compute @workgroup_size({{lanes}}u)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let row = id.x;
  if (row >= {{rows}}) { return; }
  var power = 0.0;
  for (var i = 0u; i < {{width}}u; i++) {
    let sum = load_x(row, i) + load_r(row, i);
    power += sum * sum;
    store_sum(row, i, sum);
  }
  let scale = inverseSqrt(power + {{f32 eps}});
  for (var i = 0u; i < {{width}}u; i++) { store_norm(row, i, (load_x(row, i) + load_r(row, i)) * scale * load_gain(i)); }
}
`;

const addUnitNormRows = defineKernel({
  name: "add_unit_norm_rows",
  summary: "one invocation per row, two results",
  kind: addUnitNorm,
  template: template("add-unit-norm-rows", WGSL, ["title", "bindings", "functions", "width", "lanes", "eps", "rows"]),
  space: (_region, { machine }) => [{ lanes: machine.lanes }, { lanes: 2 * machine.lanes }],
  refuses({ anchor }, _target, { lanes }) {
    const shape = anchor?.operands[0]?.type.shape ?? [];
    if (shape.length !== 2 || typeof shape[1] !== "number") return "x has not two axes, the last of a fixed width";
    return shape[1] > 64 * lanes ? `rows of ${shape[1]} are too much for one invocation` : undefined;
  },
  lower(region, _target, { lanes }) {
    const { operands = [], results = [], attrs = {} } = region.anchor ?? {};
    const [rows, width] = [at(at(operands, 0).type.shape, 0), constantDim(at(operands, 0).type.shape[1])];
    const place = ["row", "column"];
    return {
      params: { width, lanes, eps: attrOf<number>(attrs, "eps"), rows: region.print.dim(rows) },
      functions: [
        ...["load_x", "load_r"].map((name, i) => region.loadFunction(name, at(operands, i), place)),
        region.loadFunction("load_gain", at(operands, 2), ["column"]),
        ...["store_sum", "store_norm"].map((name, i) => region.storeFunction(name, at(results, i), place)),
      ],
      workgroups: [count([rows, lanes]), count(), count()],
    };
  },
});

export default definePlugin({
  name: "add-unit-norm",
  ops: [addUnitNorm],
  kernels: [addUnitNormRows],
  passes: [{ pass: fuseAddUnitNorm, after: "fuse-unit-norm" }],
});
