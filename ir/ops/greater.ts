import { definePointwise } from "../define-pointwise.ts";
import { SCALARS } from "../scalars.ts";

/** Whether a > b. */
export const greater = definePointwise({
  name: "greater",
  summary: "a > b",
  operands: ["a", "b"],
  computes: SCALARS.greater,
});
