import { attr, attrOf } from "../attr.ts";
import { defineElement } from "../define-element.ts";
import { at, CompileError } from "../errors.ts";
import { addDims, type Dim, dimEquals, printDim, printType, resolveAxis, tensorType } from "../type.ts";

const startOf = (sizes: readonly Dim[], part: number): Dim => sizes.slice(0, part).reduce(addDims, 0);

/** Cuts one axis into parts of the given sizes: x → y0, y1, …; PyTorch's `split` with a list of sizes. */
export const split = defineElement({
  name: "split",
  summary: "cut one axis into parts",
  operands: ["x"],
  attrs: { axis: attr.int(-1), sizes: attr.dims() },
  cases: [
    { types: ["f32[3, 12]"], attrs: { axis: -1, sizes: [4, 4, 4] } },
    { types: ["f32[6, 5]"], attrs: { axis: 0, sizes: [1, 5] } },
  ],
  infer([x], { axis, sizes }) {
    const k = resolveAxis(axis, x.shape.length);
    if (k === undefined)
      throw new CompileError("split", `axis is ${axis}, but x is ${printType(x)}`, "axis must name one of x's axes");
    if (sizes.length === 0) throw new CompileError("split", "has no parts", "sizes needs one for each result");
    const total = sizes.reduce(addDims, 0);
    if (!dimEquals(total, at(x.shape, k)))
      throw new CompileError(
        "split",
        `the parts add up to ${printDim(total)}, but axis ${axis} of x is ${printDim(at(x.shape, k))}`,
        "the sizes must add up to the axis",
      );
    return sizes.map((size) =>
      tensorType(
        x.dtype,
        x.shape.map((d, i) => (i === k ? size : d)),
      ),
    );
  },
  element(index, math, { types, attrs, result }) {
    const k = resolveAxis(attrOf<number>(attrs, "axis"), at(types, 0).shape.length);
    const start = math.dim(startOf(attrOf<readonly Dim[]>(attrs, "sizes"), result));
    return math.load(
      0,
      index.map((i, axis) => (axis === k ? math.add(i, start) : i)),
    );
  },
  targets(index, math, { types, attrs }) {
    const k = resolveAxis(attrOf<number>(attrs, "axis"), at(types, 0).shape.length) ?? 0;
    const sizes = attrOf<readonly Dim[]>(attrs, "sizes");
    return sizes.map((size, result) => {
      const lo = startOf(sizes, result);
      return {
        result,
        at: index.map((i, axis) => (axis === k ? math.sub(i, math.dim(lo)) : i)),
        when: { place: at(index, k), lo, hi: addDims(lo, size) },
      };
    });
  },
});
