import { definePointwise } from "../define-pointwise.ts";
import { SCALARS } from "../scalars.ts";

/** y = eˣ. */
export const exp = definePointwise({
  name: "exp",
  summary: "exponential",
  operands: ["x"],
  accepts: ["f32", "f16"],
  computes: SCALARS.exp,
});
