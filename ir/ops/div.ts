import { definePointwise } from "../define-pointwise.ts";
import { SCALARS } from "../scalars.ts";

/** y = a / b, with numpy broadcasting; integers truncate toward zero, and a / 0 is a, as in WGSL. */
export const div = definePointwise({
  name: "div",
  summary: "quotient of two tensors",
  operands: ["a", "b"],
  computes: SCALARS.div,
});
