import { attr, attrOf } from "../attr.ts";
import { defineElement } from "../define-element.ts";
import { at, CompileError } from "../errors.ts";
import { addDims, type Dim, printDim, printType, resolveAxis, tensorType } from "../type.ts";

/** y = x[start : start + length] along one axis. */
export const slice = defineElement({
  name: "slice",
  summary: "a contiguous range of one axis",
  operands: ["x"],
  attrs: { axis: attr.int(0), start: attr.dim(0), length: attr.dim() },
  cases: [
    { types: ["f32[5, 7]"], attrs: { axis: 0, start: 2, length: 3 } },
    { types: ["f32[5, 7]"], attrs: { axis: -1, start: 1, length: 5 } },
    { types: ["f32[2, 9, 3]"], attrs: { axis: 1, start: 4, length: 1 } },
  ],
  infer([x], { axis, start, length }) {
    const k = resolveAxis(axis, x.shape.length);
    if (k === undefined)
      throw new CompileError("slice", `axis is ${axis}, but x is ${printType(x)}`, "axis must name one of x's axes");
    const [end, size] = [addDims(start, length), at(x.shape, k)];
    if (typeof end === "number" && typeof size === "number" && typeof start === "number" && (start < 0 || end > size))
      throw new CompileError(
        "slice",
        `takes ${printDim(start)} to ${end} of axis ${axis}, but x is ${printType(x)}`,
        "start + length must stay within the axis",
      );
    return tensorType(
      x.dtype,
      x.shape.map((d, i) => (i === k ? length : d)),
    );
  },
  ranges: ([x], attrs) => [
    {
      operand: 0,
      axis: resolveAxis(attrOf<number>(attrs, "axis"), x?.shape.length ?? 0) ?? 0,
      start: attrOf<Dim>(attrs, "start"),
      length: attrOf<Dim>(attrs, "length"),
    },
  ],
  element(index, math, { types, attrs }) {
    const k = resolveAxis(attrOf<number>(attrs, "axis"), at(types, 0).shape.length);
    const start = math.dim(attrOf<Dim>(attrs, "start"));
    return math.load(
      0,
      index.map((i, axis) => (axis === k ? math.add(i, start) : i)),
    );
  },
});
