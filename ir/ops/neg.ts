import { definePointwise } from "../define-pointwise.ts";
import { SCALARS } from "../scalars.ts";

/** y = −x. */
export const neg = definePointwise({
  name: "neg",
  summary: "negation",
  operands: ["x"],
  accepts: ["f32", "f16", "i32"],
  computes: SCALARS.neg,
});
