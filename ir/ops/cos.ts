import { definePointwise } from "../define-pointwise.ts";
import { SCALARS } from "../scalars.ts";

/** y = cos x, x in radians. */
export const cos = definePointwise({
  name: "cos",
  summary: "cosine",
  operands: ["x"],
  accepts: ["f32", "f16"],
  computes: SCALARS.cos,
});
