import { defineNormalization } from "../define-normalization.ts";

/** y = (x − mean) / √(var + eps) · weight + bias over the last axis, with the population variance (Ba et al., arXiv 1607.06450). */
export const layerNorm = defineNormalization({
  name: "layer_norm",
  summary: "normalise the last axis, then scale and shift",
  operands: ["x", "weight", "bias"],
  centre: "mean",
  moment: "mean",
  scale: "weight",
  shift: "bias",
  eps: 1e-5,
});
