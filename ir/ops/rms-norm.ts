import { defineNormalization } from "../define-normalization.ts";

/** y = x / √(mean(x²) + eps) · weight over the last axis (Zhang and Sennrich, arXiv 1910.07467). */
export const rmsNorm = defineNormalization({
  name: "rms_norm",
  summary: "divide the last axis by its root mean square, then scale",
  operands: ["x", "weight"],
  centre: "none",
  moment: "mean",
  scale: "weight",
  eps: 1e-6,
});
