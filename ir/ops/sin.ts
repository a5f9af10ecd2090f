import { definePointwise } from "../define-pointwise.ts";
import { REDUCE_ANGLE } from "../wgsl-helpers.ts";

/** y = sin x, x in radians. */
export const sin = definePointwise({
  name: "sin",
  summary: "sine",
  operands: ["x"],
  accepts: ["f32", "f16"],
  scalar: ([x]) => Math.sin(x),
  wgsl: ([x]) => `sin(reduce_angle(${x}))`,
  helpers: [REDUCE_ANGLE],
});
