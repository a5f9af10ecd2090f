import { attr } from "../attr.ts";
import { definePointwise } from "../define-pointwise.ts";
import { ERF_WGSL } from "../wgsl-helpers.ts";
import { add } from "./add.ts";
import { erf } from "./erf.ts";
import { mul } from "./mul.ts";
import { tanh } from "./tanh.ts";

/** √(2/π) and √½, as the two forms of GELU spell them (Hendrycks and Gimpel, arXiv 1606.08415). */
export const SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI);
export const CUBIC = 0.044715;

/** y = x·Φ(x). `tanh`: ½x(1 + tanh(√(2/π)(x + 0.044715x³))), GPT-2's `gelu_new`; `none`: ½x(1 + erf(x/√2)). */
export const gelu = definePointwise({
  name: "gelu",
  summary: "x times the normal distribution function of x",
  operands: ["x"],
  attrs: { approximate: attr.choice(["tanh", "none"], "tanh") },
  accepts: ["f32"],
  wgsl: ([x], { attrs }) => (attrs["approximate"] === "tanh" ? `gelu_tanh(${x})` : `gelu_erf(${x})`),
  helpers: [
    // ½(1 + tanh u) = 1 / (1 + e^−2u), without tanh, which WGSL allows an error of 10⁻⁵. Below −10 the result is 0 in f32.
    `fn gelu_tanh(x: f32) -> f32 {
  let near = clamp(x, -10.0, 10.0);
  let inner = ${SQRT_2_OVER_PI} * (near + ${CUBIC} * near * near * near);
  return select(0.0, x / (1.0 + exp(-2.0 * inner)), x > -10.0);
}`,
    ERF_WGSL,
    `fn gelu_erf(x: f32) -> f32 {
  return 0.5 * x * (1.0 + erf(x * ${Math.SQRT1_2}));
}`,
  ],
  decompose(emit, [x], { approximate }) {
    const one = (op: typeof add, ...operands: Parameters<typeof emit>[1]) => {
      const [y] = emit(op, operands);
      return y ?? x;
    };
    const inner =
      approximate === "tanh"
        ? one(tanh, one(mul, one(add, x, one(mul, one(mul, one(mul, x, x), x), CUBIC)), SQRT_2_OVER_PI))
        : one(erf, one(mul, x, Math.SQRT1_2));
    return one(mul, one(mul, x, 0.5), one(add, inner, 1));
  },
  cases: [{ types: ["f32[3, 7]"] }, { types: ["f32[65]"], attrs: { approximate: "none" } }],
});
