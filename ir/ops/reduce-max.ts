import { defineReduction } from "../define-reduction.ts";

/** The largest of one axis. */
export const reduceMax = defineReduction({
  name: "reduce_max",
  summary: "largest of one axis",
  fold: {
    identity: Number.NEGATIVE_INFINITY,
    combine: (a, b) => Math.max(a, b),
    combineWgsl: (a, b) => `max(${a}, ${b})`,
  },
});
