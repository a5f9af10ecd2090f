import { definePointwise } from "../define-pointwise.ts";

/** y = eˣ. */
export const exp = definePointwise({
  name: "exp",
  summary: "exponential",
  operands: ["x"],
  accepts: ["f32", "f16"],
  scalar: ([x]) => Math.exp(x),
  wgsl: ([x]) => `exp(${x})`,
});
