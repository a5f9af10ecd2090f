import { definePointwise } from "../define-pointwise.ts";

/** y = min(a, b). */
export const minimum = definePointwise({
  name: "minimum",
  summary: "the smaller of two, element by element",
  operands: ["a", "b"],
  commutative: true,
  scalar: ([a, b]) => Math.min(a, b),
  wgsl: ([a, b]) => `min(${a}, ${b})`,
});
