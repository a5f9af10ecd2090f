import { defineReduction } from "../define-reduction.ts";

/** The sum of one axis. */
export const reduceSum = defineReduction({
  name: "reduce_sum",
  summary: "sum of one axis",
  fold: { identity: 0, combine: (a, b) => a + b, combineWgsl: (a, b) => `${a} + ${b}` },
});
