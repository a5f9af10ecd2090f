// A plugin: RMS norm as an op, a pass that finds it in primitive ops, and a kernel of its own.
import { count, defineKernel, definePlugin, dimIndex, fixed, template } from "wgpt/codegen";
import {
  add,
  at,
  attr,
  attrOf,
  CompileError,
  defineOp,
  dimEquals,
  mul,
  pow,
  printType,
  reduceMean,
  rsqrt,
} from "wgpt/ir";
import {
  applyRules,
  climb,
  Emitter,
  either,
  has,
  isPrivate,
  literalOf,
  matches,
  on,
  onWhere,
  overLastAxis,
  type Pass,
  predicate,
  type Rule,
} from "wgpt/passes";

export const rmsNorm = defineOp({
  name: "rms_norm",
  summary: "divide the last axis by its root mean square, then scale",
  operands: ["x", "gain"],
  attrs: { eps: attr.float(1e-6) },
  traits: { anchor: true, normalizes: { centre: "none", moment: "mean", eps: "eps", scale: 1 } },
  cases: [{ types: ["f32[3, 7]", "f32[7]"] }, { types: ["f32[1, 64]", "f32[64]"] }],
  infer([x, gain]) {
    const width = x.shape.at(-1);
    if (width === undefined || gain.shape.length !== 1 || !dimEquals(at(gain.shape, 0), width))
      throw new CompileError("rms_norm", `gain is ${printType(gain)}, but x is ${printType(x)}`, "gain is a row of x");
    return x;
  },
  decompose(emit, [x, gain], { eps }) {
    const one = (...args: Parameters<typeof emit>) => at(emit(...args), 0);
    const power = one(reduceMean, [one(mul, [x, x])]);
    return one(mul, [one(mul, [x, one(rsqrt, [one(add, [power, eps])])]), gain]);
  },
});

const scaledRow: Rule = {
  name: "scaled-row",
  summary: "x · 1/√(mean(x²) + eps) · gain → rms_norm(x, gain)",
  sites: (node) => (node.op === rsqrt ? node.results : []),
  predicates: [
    has("root-of-power-plus-epsilon", "site.0", on(add, "power", literalOf("eps")), "add(power, epsilon)"),
    has("power-is-a-mean-of-rows", "power", onWhere(reduceMean, overLastAxis, "squares"), "a mean over the last axis"),
    has("mean-of-squares", "squares", either(on(mul, "x", "x"), on(pow, "x", 2)), "a square"),
    predicate("scaled", (m) => {
      const x = m.value("x");
      const pattern = on(mul, on(mul, "x", "root"), "gain");
      const known = new Map([
        ["x", x],
        ["root", m.site],
      ]);
      for (const top of climb(m.index, m.site)) {
        const gain = matches(m.index, top, pattern, known)[0]?.get("gain");
        if (typeof gain !== "object" || gain.type.shape.length !== 1) continue;
        m.set("top", top);
        m.set("gain", gain);
        return true;
      }
      return `nothing is ${x.name} · ${m.site.name} · a row`;
    }),
    isPrivate("top", ["x", "gain"]),
  ],
  replace(m) {
    const emitter = new Emitter(m.index, m.value("top"));
    const made = emitter.op(rmsNorm, [m.value("x"), m.value("gain")], { eps: m.number("eps") });
    return emitter.replace([m.producer(m.value("top"))], made);
  },
};

const fuseRmsNorm: Pass = {
  name: "fuse-rms-norm",
  summary: "square, mean, root, scale → one rms_norm",
  role: "fuse",
  run: (graph, report) => applyRules(graph, [scaledRow], report),
};

const WGSL = `// {{title}}: one workgroup per row, {{lanes}} invocations stride over its {{width}} columns.
{{bindings}}

const WIDTH = {{width}}u;
const LANES = {{lanes}}u;
const EPS = {{f32 eps}};

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

  let scale = inverseSqrt(power / f32(WIDTH) + EPS);
  for (var i = lane; i < WIDTH; i += LANES) { store_y(row, i, load_x(row, i) * scale * load_gain(i)); }
}
`;

const rmsNormRows = defineKernel({
  name: "rms_norm_rows",
  summary: "one workgroup per row",
  kind: rmsNorm.name,
  template: template("rms-norm-rows", WGSL, ["title", "bindings", "functions", "width", "lanes", "eps", "rows"]),
  refuses({ anchor }) {
    const type = anchor?.operands[0]?.type;
    if (type?.shape.length !== 2 || type.dtype !== "f32") return "x has not the two axes of f32 that it computes";
    return typeof type.shape[1] === "number" ? undefined : "the width is symbolic";
  },
  lower(region, { tuning }) {
    const { operands = [], results = [], attrs = {} } = region.anchor ?? {};
    const [x, gain] = [at(operands, 0), at(operands, 1)];
    const rows = at(x.type.shape, 0);
    return {
      params: {
        width: fixed(x.type.shape[1]),
        lanes: tuning.rowLanes,
        eps: attrOf<number>(attrs, "eps"),
        rows: dimIndex(rows).text,
      },
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
  name: "rms-norm",
  ops: [rmsNorm],
  kernels: [rmsNormRows],
  passes: [{ pass: fuseRmsNorm, after: "fuse-layer-norm" }],
});
