import { definePointwise } from "../define-pointwise.ts";

/** y = a + b, with numpy broadcasting. */
export const add = definePointwise({
  name: "add",
  summary: "sum of two tensors",
  operands: ["a", "b"],
  commutative: true,
  scalar: ([a, b]) => a + b,
  wgsl: ([a, b]) => `${a} + ${b}`,
});
