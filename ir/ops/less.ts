import { definePointwise } from "../define-pointwise.ts";
import { SCALARS } from "../scalars.ts";

/** Whether a < b. */
export const less = definePointwise({
  name: "less",
  summary: "a < b",
  operands: ["a", "b"],
  computes: SCALARS.less,
});
