import { attr, attrOf } from "../attr.ts";
import { defineElement } from "../define-element.ts";
import { at, CompileError } from "../errors.ts";
import { addDims, type Dim, dimEquals, printType, resolveAxis, tensorType } from "../type.ts";

/** The parts one after another along one axis. */
export const concat = defineElement({
  name: "concat",
  summary: "tensors joined along one axis",
  operands: ["parts"],
  variadic: true,
  attrs: { axis: attr.int(0) },
  cases: [
    { types: ["f32[2, 3]", "f32[4, 3]"] },
    { types: ["f32[2, 3]", "f32[2, 1]", "f32[2, 5]"], attrs: { axis: -1 } },
  ],
  infer(parts, { axis }) {
    const [first, ...rest] = parts;
    const k = resolveAxis(axis, first.shape.length);
    if (k === undefined)
      throw new CompileError(
        "concat",
        `axis is ${axis}, but the first part is ${printType(first)}`,
        "axis must name one of its axes",
      );
    let length = at(first.shape, k);
    for (const part of rest as (typeof first)[]) {
      const fits =
        part.dtype === first.dtype &&
        part.shape.length === first.shape.length &&
        part.shape.every((d, i) => i === k || dimEquals(d, at(first.shape, i)));
      if (!fits)
        throw new CompileError(
          "concat",
          `one part is ${printType(part)}, but the first is ${printType(first)}`,
          `parts may differ in axis ${axis} only`,
        );
      length = addDims(length, at(part.shape, k));
    }
    return tensorType(
      first.dtype,
      first.shape.map((d, i) => (i === k ? length : d)),
    );
  },
  element(index, math, { types, attrs }) {
    const k = resolveAxis(attrOf<number>(attrs, "axis"), at(types, 0).shape.length) ?? 0;
    const place = at(index, k);
    // Part `p` when the place is below its end, else one of the parts after it.
    const pick = (p: number, start: ReturnType<typeof addDims>): ReturnType<typeof math.load> => {
      const here = () =>
        math.load(
          p,
          index.map((i, axis) => (axis === k ? math.sub(i, math.dim(start)) : i)),
        );
      if (p === types.length - 1) return here();
      const end = addDims(start, at(at(types, p).shape, k));
      return math.select(math.less(place, math.dim(end)), here, () => pick(p + 1, end));
    };
    return pick(0, 0);
  },
  targets(index, math, { types, attrs, operand }) {
    const k = resolveAxis(attrOf<number>(attrs, "axis"), at(types, 0).shape.length) ?? 0;
    const start = types.slice(0, operand).reduce<Dim>((n, t) => addDims(n, at(t.shape, k)), 0);
    return [{ result: 0, at: index.map((i, axis) => (axis === k ? math.add(i, math.dim(start)) : i)) }];
  },
});
