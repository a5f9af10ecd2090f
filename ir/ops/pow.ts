import { definePointwise } from "../define-pointwise.ts";

/**
 * y = aᵇ, with numpy broadcasting. WGSL's own `pow` is undefined for a negative base, so whole exponents take the sign
 * from the base, as IEEE's pow does; anything else of a negative base is NaN.
 */
export const pow = definePointwise({
  name: "pow",
  summary: "a to the power of b",
  operands: ["a", "b"],
  accepts: ["f32"],
  scalar: ([a, b]) => a ** b,
  wgsl: ([a, b]) => (b === "2.0" ? `${a} * ${a}` : b === "3.0" ? `${a} * ${a} * ${a}` : `signed_pow(${a}, ${b})`),
  helpers: [
    `fn signed_pow(base: f32, exponent: f32) -> f32 {
  if (exponent == 0.0) { return 1.0; }
  let magnitude = pow(abs(base), exponent);
  if (base >= 0.0) { return magnitude; }
  if (exponent != floor(exponent)) { return sqrt(base); }
  return select(magnitude, -magnitude, abs(exponent) - 2.0 * floor(abs(exponent) * 0.5) == 1.0);
}`,
  ],
  // Exponents stay small: f32 pow loses digits as |b · ln a| grows.
  cases: [{ types: ["f32[3, 7]", "f32[3, 7]"] }, { types: ["f32[3, 7]", "f32[7]"] }],
});
