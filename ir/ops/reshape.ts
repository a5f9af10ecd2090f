import { attr, attrOf } from "../attr.ts";
import { defineElement } from "../define-element.ts";
import type { IndexMath } from "../element.ts";
import { at, CompileError } from "../errors.ts";

import { type Dim, printShape, printType, type Shape, sameElementCount, tensorType } from "../type.ts";

/** The index in `to` of the element that stands at `index` in `from`, both row-major. */
function reindex<I, C>(index: readonly I[], from: Shape, to: Shape, math: IndexMath<I, C>): I[] {
  // Leading axes that both shapes share keep their index, so that the common reshapes need little arithmetic.
  let shared = 0;
  while (
    shared < from.length - 1 &&
    shared < to.length - 1 &&
    typeof from[shared] === "number" &&
    from[shared] === to[shared]
  )
    shared++;
  if (shared === 0 && from.length > 1 && to.length > 1 && JSON.stringify(from[0]) === JSON.stringify(to[0])) shared = 1;
  let flat = index[shared] ?? math.dim(0);
  for (let axis = shared + 1; axis < from.length; axis++)
    flat = math.add(math.mul(flat, math.dim(at(from, axis))), at(index, axis));
  const out: I[] = [];
  for (let axis = to.length - 1; axis > shared; axis--) {
    out.unshift(math.mod(flat, math.dim(at(to, axis))));
    flat = math.div(flat, math.dim(at(to, axis)));
  }
  return to.length === 0 ? [] : [...index.slice(0, shared), flat, ...out];
}

/** The same elements in the same row-major order under another shape. */
export const reshape = defineElement({
  name: "reshape",
  summary: "the same elements under another shape",
  operands: ["x"],
  attrs: { shape: attr.dims() },
  cases: [
    { types: ["f32[3, 8]"], attrs: { shape: [3, 2, 4] } },
    { types: ["f32[2, 3, 4]"], attrs: { shape: [6, 4] } },
    { types: ["f32[1]"], attrs: { shape: [] } },
  ],
  infer([x], { shape }) {
    if (!sameElementCount(x.shape, shape))
      throw new CompileError(
        "reshape",
        `x is ${printType(x)}, but the shape asked for is ${printShape(shape)}`,
        "both need the same number of elements",
      );
    return tensorType(x.dtype, shape);
  },
  element(index, math, { types, attrs }) {
    return math.load(0, reindex(index, attrOf<readonly Dim[]>(attrs, "shape"), at(types, 0).shape, math));
  },
  targets(index, math, { types, attrs }) {
    return [{ result: 0, at: reindex(index, at(types, 0).shape, attrOf<readonly Dim[]>(attrs, "shape"), math) }];
  },
});
