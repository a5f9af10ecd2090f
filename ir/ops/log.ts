import { definePointwise } from "../define-pointwise.ts";
import { SCALARS } from "../scalars.ts";

/** y = ln x. */
export const log = definePointwise({
  name: "log",
  summary: "natural logarithm",
  operands: ["x"],
  accepts: ["f32", "f16"],
  computes: SCALARS.log,
});
