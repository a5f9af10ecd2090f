import { definePointwise } from "../define-pointwise.ts";

/** y = √x; NaN where x < 0. */
export const sqrt = definePointwise({
  name: "sqrt",
  summary: "square root",
  operands: ["x"],
  accepts: ["f32", "f16"],
  scalar: ([x]) => Math.sqrt(x),
  wgsl: ([x]) => `sqrt(${x})`,
});
