import { definePointwise } from "../define-pointwise.ts";
import { SCALARS } from "../scalars.ts";

/** Whether a ≥ b. */
export const greaterEqual = definePointwise({
  name: "greater_equal",
  summary: "a ≥ b",
  operands: ["a", "b"],
  computes: SCALARS.greaterEqual,
});
