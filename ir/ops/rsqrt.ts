import { definePointwise } from "../define-pointwise.ts";
import { SCALARS } from "../scalars.ts";

/** y = 1 / √x. */
export const rsqrt = definePointwise({
  name: "rsqrt",
  summary: "reciprocal of the square root",
  operands: ["x"],
  accepts: ["f32", "f16"],
  computes: SCALARS.inverseSqrt,
});
