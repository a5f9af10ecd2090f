import { definePointwise } from "../define-pointwise.ts";
import { SINE_WGSL } from "../wgsl-helpers.ts";

/** y = cos x, x in radians. */
export const cos = definePointwise({
  name: "cos",
  summary: "cosine",
  operands: ["x"],
  accepts: ["f32", "f16"],
  scalar: ([x]) => Math.cos(x),
  wgsl: ([x]) => `sine(abs(${x}), 1u)`,
  helpers: [SINE_WGSL],
});
