import { attr } from "../attr.ts";
import { definePointwise } from "../define-pointwise.ts";
import { SCALARS } from "../scalars.ts";
import { DTYPES } from "../type.ts";

/** y = x as another dtype: floats round to nearest even, float to integer truncates, to bool is x ≠ 0. */
export const cast = definePointwise({
  name: "cast",
  summary: "the same numbers in another dtype",
  operands: ["x"],
  attrs: { to: attr.dtype() },
  accepts: DTYPES,
  computes: SCALARS.cast,
  cases: [
    { types: ["i32[3, 7]"], attrs: { to: "f32" } },
    { types: ["f32[3, 7]"], attrs: { to: "i32" } },
    { types: ["f32[3, 7]"], attrs: { to: "bool" } },
  ],
});
