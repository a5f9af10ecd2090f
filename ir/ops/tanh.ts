import { definePointwise } from "../define-pointwise.ts";

/** y = tanh x. Some drivers give NaN for a large argument; beyond ±10 tanh is ±1 in f32 anyway. */
export const tanh = definePointwise({
  name: "tanh",
  summary: "hyperbolic tangent",
  operands: ["x"],
  accepts: ["f32", "f16"],
  scalar: ([x]) => Math.tanh(x),
  wgsl: ([x]) => `tanh(clamp(${x}, -10.0, 10.0))`,
});
