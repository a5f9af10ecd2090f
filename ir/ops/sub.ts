import { definePointwise } from "../define-pointwise.ts";
import { SCALARS } from "../scalars.ts";

/** y = a − b, with numpy broadcasting. */
export const sub = definePointwise({
  name: "sub",
  summary: "difference of two tensors",
  operands: ["a", "b"],
  computes: SCALARS.sub,
});
