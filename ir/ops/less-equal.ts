import { definePointwise } from "../define-pointwise.ts";
import { SCALARS } from "../scalars.ts";

/** Whether a ≤ b; the causal mask is less_equal(key position, query position). */
export const lessEqual = definePointwise({
  name: "less_equal",
  summary: "a ≤ b",
  operands: ["a", "b"],
  computes: SCALARS.lessEqual,
});
