import { definePointwise } from "../define-pointwise.ts";
import { ERF_WGSL, erfNumber } from "../wgsl-helpers.ts";

/** y = erf x = 2/√π ∫₀ˣ e^(−t²) dt. */
export const erf = definePointwise({
  name: "erf",
  summary: "Gauss's error function",
  operands: ["x"],
  accepts: ["f32"],
  scalar: ([x]) => erfNumber(x),
  wgsl: ([x]) => `erf(${x})`,
  helpers: [ERF_WGSL],
});
