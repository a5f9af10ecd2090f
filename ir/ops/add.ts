import { definePointwise } from "../define-pointwise.ts";
import { SCALARS } from "../scalars.ts";

/** y = a + b, with numpy broadcasting. */
export const add = definePointwise({
  name: "add",
  summary: "sum of two tensors",
  operands: ["a", "b"],
  commutative: true,
  computes: SCALARS.add,
});
