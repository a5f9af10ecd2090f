import { attr, attrOf } from "../attr.ts";
import { defineElement } from "../define-element.ts";
import { at, CompileError } from "../errors.ts";
import { printType, tensorType } from "../type.ts";

/** y's axis i is x's axis perm[i]; PyTorch's `permute`. */
export const transpose = defineElement({
  name: "transpose",
  summary: "axes in another order",
  operands: ["x"],
  attrs: { perm: attr.ints() },
  cases: [
    { types: ["f32[3, 7]"], attrs: { perm: [1, 0] } },
    { types: ["f32[2, 3, 5]"], attrs: { perm: [1, 2, 0] } },
  ],
  infer([x], { perm }) {
    if ([...perm].sort((a, b) => a - b).join() !== x.shape.map((_, i) => i).join())
      throw new CompileError(
        "transpose",
        `perm is [${perm.join(", ")}], but x is ${printType(x)}`,
        "perm must name each of x's axes once",
      );
    return tensorType(
      x.dtype,
      perm.map((axis) => at(x.shape, axis)),
    );
  },
  element(index, math, { attrs }) {
    const perm = attrOf<readonly number[]>(attrs, "perm");
    return math.load(
      0,
      perm.map((_, axis) => at(index, perm.indexOf(axis))),
    );
  },
  targets(index, _math, { attrs }) {
    return [{ result: 0, at: attrOf<readonly number[]>(attrs, "perm").map((axis) => at(index, axis)) }];
  },
});
