import { definePointwise } from "../define-pointwise.ts";

/** y = −x. */
export const neg = definePointwise({
  name: "neg",
  summary: "negation",
  operands: ["x"],
  accepts: ["f32", "f16", "i32"],
  scalar: ([x]) => -x,
  wgsl: ([x]) => `-${x}`,
});
