import { definePointwise } from "../define-pointwise.ts";
import { SCALARS } from "../scalars.ts";

/** y = tanh x. */
export const tanh = definePointwise({
  name: "tanh",
  summary: "hyperbolic tangent",
  operands: ["x"],
  accepts: ["f32", "f16"],
  computes: SCALARS.tanh,
});
