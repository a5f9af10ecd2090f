// A plugin: a fusion with two results. A residual is added and normalised by one kernel, which gives the sum as well, for
// what reads the residual later. It builds on the op of another plugin.
import { count, defineKernel, definePlugin, dimIndex, fixed, template } from "wgpt/codegen";
import { add, at, attr, attrOf, CompileError, defineOp, printType, typeEquals } from "wgpt/ir";
import { applyRules, describe, Emitter, type Pass, predicate, type Rule } from "wgpt/passes";
import { rmsNorm } from "./rms-norm.ts";

const addRmsNorm = defineOp({
  name: "add_rms_norm",
  summary: "x + r, and its RMS norm",
  operands: ["x", "r", "gain"],
  attrs: { eps: attr.float(1e-6) },
  traits: { anchor: true },
  cases: [{ types: ["f32[3, 7]", "f32[3, 7]", "f32[7]"] }],
  infer([x, r]) {
    if (!typeEquals(x, r))
      throw new CompileError(
        "add_rms_norm",
        `r is ${printType(r)}, but x is ${printType(x)}`,
        "they are added as they lie",
      );
    return [x, x];
  },
  decompose(emit, [x, r, gain], { eps }) {
    const sum = at(emit(add, [x, r]), 0);
    return [sum, at(emit(rmsNorm, [sum, gain], { eps }), 0)];
  },
});

const normOfSum: Rule = {
  name: "norm-of-sum",
  summary: "s = add(x, r), rms_norm(s, gain) → add_rms_norm(x, r, gain), which gives both",
  sites: (node) => (node.op === rmsNorm ? node.results : []),
  predicates: [
    predicate("row-is-a-sum", (m) => {
      const sum = at(m.node.operands, 0);
      return m.index.producer(sum)?.op === add || `${sum.name} is ${describe(m.index, sum)}`;
    }),
    predicate("both-sides-lie-alike", (m) => {
      const [x, r] = m.producer(at(m.node.operands, 0)).operands;
      if (!x || !r) return `${m.site.name} adds nothing`;
      return typeEquals(x.type, r.type) || `${x.name} is ${printType(x.type)}, but ${r.name} is ${printType(r.type)}`;
    }),
  ],
  replace(m) {
    const [sum, gain] = [at(m.node.operands, 0), at(m.node.operands, 1)];
    const adds = m.producer(sum);
    const emitter = new Emitter(m.index, m.site);
    const [total, norm] = emitter.many(addRmsNorm, [...adds.operands, gain], m.node.attrs);
    return emitter.replaceEach(
      [adds, m.node],
      new Map([
        [sum, total ?? sum],
        [m.site, norm ?? sum],
      ]),
    );
  },
};

const fuseAddRmsNorm: Pass = {
  name: "fuse-add-rms-norm",
  summary: "a residual's sum and its norm → one add_rms_norm",
  role: "fuse",
  run: (graph, report) => applyRules(graph, [normOfSum], report),
};

const WGSL = `// {{title}}: one invocation per row of {{width}} columns.
{{bindings}}

const WIDTH = {{width}}u;
const EPS = {{f32 eps}};

{{functions}}

@compute @workgroup_size({{lanes}}u)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let row = id.x;
  if (row >= {{rows}}) { return; }

  var power = 0.0;
  for (var i = 0u; i < WIDTH; i++) {
    let sum = load_x(row, i) + load_r(row, i);
    power += sum * sum;
  }
  let scale = inverseSqrt(power / f32(WIDTH) + EPS);
  for (var i = 0u; i < WIDTH; i++) {
    let sum = load_x(row, i) + load_r(row, i);
    store_sum(row, i, sum);
    store_norm(row, i, sum * scale * load_gain(i));
  }
}
`;

const addRmsNormRows = defineKernel({
  name: "add_rms_norm_rows",
  summary: "one invocation per row, two results",
  kind: addRmsNorm.name,
  template: template("add-rms-norm-rows", WGSL, ["title", "bindings", "functions", "width", "lanes", "eps", "rows"]),
  refuses({ anchor }, { tuning }) {
    const shape = anchor?.operands[0]?.type.shape ?? [];
    if (shape.length !== 2 || typeof shape[1] !== "number") return "x has not two axes, the last of a fixed width";
    return shape[1] > 64 * tuning.rowLanes ? `rows of ${shape[1]} are too much for one invocation` : undefined;
  },
  lower(region, { tuning }) {
    const { operands = [], results = [], attrs = {} } = region.anchor ?? {};
    const [x, r, gain] = [at(operands, 0), at(operands, 1), at(operands, 2)];
    const [rows, width] = [at(x.type.shape, 0), fixed(x.type.shape[1])];
    return {
      params: { width, lanes: tuning.rowLanes, eps: attrOf<number>(attrs, "eps"), rows: dimIndex(rows).text },
      functions: [
        region.loadFunction("load_x", x, ["row", "column"]),
        region.loadFunction("load_r", r, ["row", "column"]),
        region.loadFunction("load_gain", gain, ["column"]),
        region.storeFunction("store_sum", at(results, 0), ["row", "column"]),
        region.storeFunction("store_norm", at(results, 1), ["row", "column"]),
      ],
      workgroups: [count([rows, tuning.rowLanes]), count(), count()],
    };
  },
});

export default definePlugin({
  name: "add-rms-norm",
  ops: [addRmsNorm],
  kernels: [addRmsNormRows],
  passes: [{ pass: fuseAddRmsNorm, after: "fuse-rms-norm" }],
});
