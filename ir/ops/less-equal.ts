import { definePointwise } from "../define-pointwise.ts";

/** Whether a ≤ b; the causal mask is less_equal(key position, query position). */
export const lessEqual = definePointwise({
  name: "less_equal",
  summary: "a ≤ b",
  operands: ["a", "b"],
  result: () => "bool",
  scalar: ([a, b]) => (a <= b ? 1 : 0),
  wgsl: ([a, b]) => `${a} <= ${b}`,
});
