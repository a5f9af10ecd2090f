import { definePointwise } from "../define-pointwise.ts";

/** y = a · b, with numpy broadcasting. */
export const mul = definePointwise({
  name: "mul",
  summary: "product of two tensors",
  operands: ["a", "b"],
  commutative: true,
  // An i32 product can be larger than what an f64 holds exactly.
  scalar: ([a, b], { dtype }) => (dtype === "i32" || dtype === "u32" ? Math.imul(a, b) : a * b),
  wgsl: ([a, b]) => `${a} * ${b}`,
});
