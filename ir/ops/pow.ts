import { definePointwise } from "../define-pointwise.ts";
import { SCALARS } from "../scalars.ts";

/**
 * y = aᵇ, with numpy broadcasting. WGSL's own `pow` is undefined for a negative base, so whole exponents take the sign
 * from the base, as IEEE's pow does; anything else of a negative base is NaN.
 */
export const pow = definePointwise({
  name: "pow",
  summary: "a to the power of b",
  operands: ["a", "b"],
  accepts: ["f32"],
  computes: SCALARS.pow,
  // Exponents stay small: f32 pow loses digits as |b · ln a| grows.
  cases: [{ types: ["f32[3, 7]", "f32[3, 7]"] }, { types: ["f32[3, 7]", "f32[7]"] }],
});
