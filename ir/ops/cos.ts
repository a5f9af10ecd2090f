import { definePointwise } from "../define-pointwise.ts";
import { REDUCE_ANGLE } from "../wgsl-helpers.ts";

/** y = cos x, x in radians. */
export const cos = definePointwise({
  name: "cos",
  summary: "cosine",
  operands: ["x"],
  accepts: ["f32", "f16"],
  scalar: ([x]) => Math.cos(x),
  wgsl: ([x]) => `cos(reduce_angle(${x}))`,
  helpers: [REDUCE_ANGLE],
});
