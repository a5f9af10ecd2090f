import { definePointwise } from "../define-pointwise.ts";
import { TANH_WGSL } from "../wgsl-helpers.ts";

/** y = tanh x. */
export const tanh = definePointwise({
  name: "tanh",
  summary: "hyperbolic tangent",
  operands: ["x"],
  accepts: ["f32", "f16"],
  scalar: ([x]) => Math.tanh(x),
  wgsl: ([x]) => `tanh_of(${x})`,
  helpers: [TANH_WGSL],
});
