import { definePointwise } from "../define-pointwise.ts";

/** Whether a < b. */
export const less = definePointwise({
  name: "less",
  summary: "a < b",
  operands: ["a", "b"],
  result: () => "bool",
  scalar: ([a, b]) => (a < b ? 1 : 0),
  wgsl: ([a, b]) => `${a} < ${b}`,
});
