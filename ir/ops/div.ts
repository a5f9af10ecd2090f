import { definePointwise } from "../define-pointwise.ts";

/** y = a / b, with numpy broadcasting; integers truncate toward zero, and a / 0 is a, as in WGSL. */
export const div = definePointwise({
  name: "div",
  summary: "quotient of two tensors",
  operands: ["a", "b"],
  scalar: ([a, b], { dtype }) => (dtype === "i32" || dtype === "u32" ? (b === 0 ? a : Math.trunc(a / b)) : a / b),
  wgsl: ([a, b]) => `${a} / ${b}`,
});
