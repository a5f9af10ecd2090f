// A plugin, for an experiment: every layer norm of a model becomes a unit norm, written in primitive ops.
import { definePlugin } from "wgpt/codegen";
import { add, at, layerNorm, mul, reduceSum, rsqrt } from "wgpt/ir";
import { Emitter, rulePass } from "wgpt/passes";

const replaceLayerNorm = rulePass({
  name: "replace-layer-norm",
  summary: "layer norms → unit norms in primitive ops, which is another model",
  role: "simplify",
  rules: [
    {
      name: "without-mean",
      summary: "layer_norm(x, weight, bias) → x · 1/√(Σx² + eps) · weight",
      sites: (node) => (node.op === layerNorm ? node.results : []),
      predicates: [],
      replace(m) {
        const [x, weight] = [at(m.node.operands, 0), at(m.node.operands, 1)];
        const emitter = new Emitter(m.index, m.site);
        const power = emitter.op(reduceSum, [emitter.op(mul, [x, x])]);
        const root = emitter.op(rsqrt, [emitter.op(add, [power, Number(m.node.attrs["eps"])])]);
        return emitter.replace([m.node], emitter.op(mul, [emitter.op(mul, [x, root]), weight]));
      },
    },
  ],
});

export default definePlugin({
  name: "unit-for-layer-norm",
  passes: [{ pass: replaceLayerNorm, after: "fuse-layer-norm" }],
});
