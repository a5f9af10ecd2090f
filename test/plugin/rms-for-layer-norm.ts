// A plugin, for an experiment: every layer norm of a model becomes an RMS norm, written in primitive ops.
import { definePlugin } from "wgpt/codegen";
import { add, at, layerNorm, mul, reduceMean, rsqrt } from "wgpt/ir";
import { Emitter, rulePass } from "wgpt/passes";

const replaceLayerNorm = rulePass({
  name: "replace-layer-norm",
  summary: "layer norms → RMS norms in primitive ops, which is another model",
  role: "simplify",
  rules: [
    {
      name: "without-mean",
      summary: "layer_norm(x, weight, bias) → x · 1/√(mean(x²) + eps) · weight",
      sites: (node) => (node.op === layerNorm ? node.results : []),
      predicates: [],
      replace(m) {
        const [x, weight] = [at(m.node.operands, 0), at(m.node.operands, 1)];
        const emitter = new Emitter(m.index, m.site);
        const power = emitter.op(reduceMean, [emitter.op(mul, [x, x])]);
        const root = emitter.op(rsqrt, [emitter.op(add, [power, Number(m.node.attrs["eps"])])]);
        return emitter.replace([m.node], emitter.op(mul, [emitter.op(mul, [x, root]), weight]));
      },
    },
  ],
});

export default definePlugin({
  name: "rms-for-layer-norm",
  passes: [{ pass: replaceLayerNorm, after: "fuse-layer-norm" }],
});
