import { definePointwise } from "../op-kinds.ts";

/** y = a · b, with numpy broadcasting. */
export const mul = definePointwise({
  name: "mul",
  summary: "product of two tensors",
  operands: ["a", "b"],
  commutative: true,
  scalar: ([a, b]) => a * b,
  wgsl: ([a, b]) => `${a} * ${b}`,
});
