import { definePointwise } from "../define-pointwise.ts";

/** y = max(a, b); relu(x) is maximum(x, 0.0). */
export const maximum = definePointwise({
  name: "maximum",
  summary: "the larger of two, element by element",
  operands: ["a", "b"],
  commutative: true,
  scalar: ([a, b]) => Math.max(a, b),
  wgsl: ([a, b]) => `max(${a}, ${b})`,
});
