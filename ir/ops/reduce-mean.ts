import { defineReduction } from "../define-reduction.ts";

/** The mean of one axis. */
export const reduceMean = defineReduction({
  name: "reduce_mean",
  summary: "mean of one axis",
  fold: {
    identity: 0,
    combine: (a, b) => a + b,
    combineWgsl: (a, b) => `${a} + ${b}`,
    finish: (sum, count) => sum / count,
    finishWgsl: (sum, count) => `${sum} / ${count}`,
  },
});
