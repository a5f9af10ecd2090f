import { attr } from "../attr.ts";
import { defineElement } from "../define-element.ts";
import { at, CompileError } from "../errors.ts";
import { broadcastShapes, printShape, printType, shapeEquals, tensorType } from "../type.ts";

/** x repeated along axes of length 1, and along new leading axes, until it has the shape; PyTorch's `expand`. */
export const expand = defineElement({
  name: "expand",
  summary: "repeat along axes of length 1",
  operands: ["x"],
  attrs: { shape: attr.dims() },
  cases: [
    { types: ["f32[3, 1]"], attrs: { shape: [2, 3, 5] } },
    { types: ["f32[]"], attrs: { shape: [7] } },
  ],
  infer([x], { shape }) {
    const wide = broadcastShapes(x.shape, shape);
    if (!wide || !shapeEquals(wide, shape))
      throw new CompileError(
        "expand",
        `x is ${printType(x)}, but the shape asked for is ${printShape(shape)}`,
        "only axes of length 1 can grow",
      );
    return tensorType(x.dtype, shape);
  },
  element(index, math, { types }) {
    const { shape } = at(types, 0);
    return math.load(
      0,
      index.slice(index.length - shape.length).map((i, axis) => (shape[axis] === 1 ? math.dim(0) : i)),
    );
  },
});
