import { definePointwise } from "../define-pointwise.ts";

/** Whether a = b. */
export const equal = definePointwise({
  name: "equal",
  summary: "a = b",
  operands: ["a", "b"],
  result: () => "bool",
  commutative: true,
  scalar: ([a, b]) => (a === b ? 1 : 0),
  wgsl: ([a, b]) => `${a} == ${b}`,
});
