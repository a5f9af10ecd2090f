import { attr } from "../attr.ts";
import { reducedType, reductionExtent } from "../define-reduction.ts";
import { at, CompileError } from "../errors.ts";
import { defineOp } from "../op.ts";
import { printType, resolveAxis } from "../type.ts";

/** The index of the largest element of one axis, the lowest one among equals. */
export const argmax = defineOp({
  name: "argmax",
  summary: "index of the largest element of one axis",
  operands: ["x"],
  attrs: { axis: attr.int(-1), keepdims: attr.bool(false) },
  traits: { anchor: true },
  cases: [
    { types: ["f32[3, 7]"] },
    { types: ["f32[2, 130]"], attrs: { keepdims: true } },
    { types: ["f32[2, 5, 3]"], attrs: { axis: 1 } },
  ],
  infer([x], attrs) {
    const type = reducedType("argmax", x, attrs);
    if (x.shape[resolveAxis(attrs.axis, x.shape.length) ?? 0] === 0)
      throw new CompileError(
        "argmax",
        `axis is ${attrs.axis}, but x is ${printType(x)}`,
        "nothing is the largest of none",
      );
    return { ...type, dtype: "i32" };
  },
  reference([x], attrs) {
    const { outer, length, inner } = reductionExtent("argmax", x, attrs.axis);
    const data = new Float64Array(outer * inner);
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < inner; i++) {
        let best = 0;
        for (let k = 1; k < length; k++)
          if (at(x.data, (o * length + k) * inner + i) > at(x.data, (o * length + best) * inner + i)) best = k;
        data[o * inner + i] = best;
      }
    return { dtype: "i32", shape: reducedType("argmax", x, attrs).shape.map(Number), data };
  },
});
