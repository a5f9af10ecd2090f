import { definePointwise } from "../define-pointwise.ts";
import { SCALARS } from "../scalars.ts";

/** y = sin x, x in radians. */
export const sin = definePointwise({
  name: "sin",
  summary: "sine",
  operands: ["x"],
  accepts: ["f32", "f16"],
  computes: SCALARS.sin,
});
