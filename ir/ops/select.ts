import { definePointwise } from "../define-pointwise.ts";

/** y = a where the condition holds, else b. PyTorch calls it `where`; WGSL's own name reads better beside the kernels. */
export const select = definePointwise({
  name: "select",
  summary: "a where the condition holds, else b",
  operands: ["condition", "a", "b"],
  dtypes: { 0: "bool" },
  scalar: ([condition, a, b]) => (condition !== 0 ? a : b),
  wgsl: ([condition, a, b]) => `select(${b}, ${a}, ${condition})`,
  cases: [{ types: ["bool[3, 7]", "f32[3, 7]", "f32[3, 7]"] }, { types: ["bool[3, 1]", "f32[2, 3, 5]", "f32[]"] }],
});
