import { definePointwise } from "../define-pointwise.ts";
import { SCALARS } from "../scalars.ts";

/** Whether a = b. */
export const equal = definePointwise({
  name: "equal",
  summary: "a = b",
  operands: ["a", "b"],
  commutative: true,
  computes: SCALARS.equal,
});
