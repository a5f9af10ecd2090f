import { definePointwise } from "../define-pointwise.ts";

/** y = ln x. */
export const log = definePointwise({
  name: "log",
  summary: "natural logarithm",
  operands: ["x"],
  accepts: ["f32", "f16"],
  scalar: ([x]) => Math.log(x),
  wgsl: ([x]) => `log(${x})`,
});
