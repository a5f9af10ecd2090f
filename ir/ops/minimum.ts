import { definePointwise } from "../define-pointwise.ts";
import { SCALARS } from "../scalars.ts";

/** y = min(a, b). */
export const minimum = definePointwise({
  name: "minimum",
  summary: "the smaller of two, element by element",
  operands: ["a", "b"],
  commutative: true,
  computes: SCALARS.min,
});
