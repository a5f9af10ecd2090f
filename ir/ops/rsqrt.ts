import { definePointwise } from "../define-pointwise.ts";

/** y = 1 / √x. */
export const rsqrt = definePointwise({
  name: "rsqrt",
  summary: "reciprocal of the square root",
  operands: ["x"],
  accepts: ["f32", "f16"],
  scalar: ([x]) => 1 / Math.sqrt(x),
  wgsl: ([x]) => `inverseSqrt(${x})`,
});
