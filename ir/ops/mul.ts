import { definePointwise } from "../define-pointwise.ts";
import { SCALARS } from "../scalars.ts";

/** y = a · b, with numpy broadcasting. */
export const mul = definePointwise({
  name: "mul",
  summary: "product of two tensors",
  operands: ["a", "b"],
  commutative: true,
  computes: SCALARS.mul,
});
