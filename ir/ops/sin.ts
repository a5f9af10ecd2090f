import { definePointwise } from "../define-pointwise.ts";
import { SINE_WGSL } from "../wgsl-helpers.ts";

/** y = sin x, x in radians. */
export const sin = definePointwise({
  name: "sin",
  summary: "sine",
  operands: ["x"],
  accepts: ["f32", "f16"],
  scalar: ([x]) => Math.sin(x),
  wgsl: ([x]) => `sine(${x}, 0u)`,
  helpers: [SINE_WGSL],
});
