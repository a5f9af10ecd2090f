import { attr } from "../attr.ts";
import { at, CompileError } from "../errors.ts";
import { defineOp } from "../op.ts";
import { dimEquals, printType } from "../type.ts";
import { add } from "./add.ts";
import { mul } from "./mul.ts";
import { reduceMean } from "./reduce-mean.ts";
import { rsqrt } from "./rsqrt.ts";
import { sub } from "./sub.ts";

/** y = (x − mean) / √(var + eps) · weight + bias over the last axis, with the population variance (Ba et al., arXiv 1607.06450). */
export const layerNorm = defineOp({
  name: "layer_norm",
  summary: "normalise the last axis, then scale and shift",
  operands: ["x", "weight", "bias"],
  attrs: { eps: attr.float(1e-5) },
  traits: { anchor: true, normalizes: { centre: "mean", moment: "mean", eps: "eps", scale: 1, shift: 2 } },
  cases: [
    { types: ["f32[3, 7]", "f32[7]", "f32[7]"] },
    { types: ["f32[1, 64]", "f32[64]", "f32[64]"] },
    { types: ["f32[5, 130]", "f32[130]", "f32[130]"] },
  ],
  infer([x, weight, bias]) {
    for (const [name, t] of Object.entries({ weight, bias })) {
      const width = x.shape.at(-1);
      if (width === undefined || t.shape.length !== 1 || !dimEquals(at(t.shape, 0), width) || t.dtype !== x.dtype)
        throw new CompileError(
          "layer_norm",
          `${name} is ${printType(t)}, but x is ${printType(x)}`,
          `${name} needs one axis, as long as x's last`,
        );
    }
    return x;
  },
  decompose(emit, [x, weight, bias], { eps }) {
    const one = (...args: Parameters<typeof emit>) => at(emit(...args), 0);
    const d = one(sub, [x, one(reduceMean, [x])]);
    const variance = one(reduceMean, [one(mul, [d, d])]);
    const n = one(mul, [d, one(rsqrt, [one(add, [variance, eps])])]);
    return one(add, [one(mul, [n, weight]), bias]);
  },
});
