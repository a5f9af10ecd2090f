import { definePointwise } from "../define-pointwise.ts";
import { SCALARS } from "../scalars.ts";

/** y = max(a, b); relu(x) is maximum(x, 0.0). */
export const maximum = definePointwise({
  name: "maximum",
  summary: "the larger of two, element by element",
  operands: ["a", "b"],
  commutative: true,
  computes: SCALARS.max,
});
