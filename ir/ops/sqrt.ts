import { definePointwise } from "../define-pointwise.ts";
import { SCALARS } from "../scalars.ts";

/** y = √x; NaN where x < 0. */
export const sqrt = definePointwise({
  name: "sqrt",
  summary: "square root",
  operands: ["x"],
  accepts: ["f32", "f16"],
  computes: SCALARS.sqrt,
});
