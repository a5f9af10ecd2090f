import { definePointwise } from "../define-pointwise.ts";

/** y = a − b, with numpy broadcasting. */
export const sub = definePointwise({
  name: "sub",
  summary: "difference of two tensors",
  operands: ["a", "b"],
  scalar: ([a, b]) => a - b,
  wgsl: ([a, b]) => `${a} - ${b}`,
});
