import { definePointwise } from "../op-kinds.ts";

/** y = −x. */
export const neg = definePointwise({
  name: "neg",
  summary: "negation",
  operands: ["x"],
  scalar: ([x]) => -x,
  wgsl: ([x]) => `-${x}`,
});
