// The types of values: an element type and a shape whose dims may be symbolic.

import { type Dim, dimEquals, printDim, productOf } from "../base/dim.ts";
import type { DType } from "../base/dtype.ts";

export {
  addDims,
  bindDim,
  type Dim,
  dimEquals,
  evalDim,
  isDim,
  isNeverNegative,
  mulDims,
  type Polynomial,
  printDim,
  productOf,
  SYMBOL_NAME,
  type Sym,
  type SymbolValues,
  subDims,
  symbol,
  symbolsOf,
  type Term,
} from "../base/dim.ts";
export { DTYPES, type DType } from "../base/dtype.ts";

/** Lengths, from the outermost axis on. */
export type Shape = readonly Dim[];

/** The type of a value, such as `f32[T, 768]`. */
export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** `f32[2, 3]` is `tensorType("f32", [2, 3])`. */
export function tensorType(dtype: DType, shape: Shape): TensorType {
  return { dtype, shape };
}

/** The same of all axes. */
export const shapeEquals = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((d, i) => dimEquals(d, b[i] ?? -1));

/** Whether shape and element type are the same. */
export const typeEquals = (a: TensorType, b: TensorType): boolean =>
  a.dtype === b.dtype && shapeEquals(a.shape, b.shape);

/** Whether two shapes hold equally many elements for every value of the symbols. */
export const sameElementCount = (a: Shape, b: Shape): boolean => dimEquals(productOf(a), productOf(b));

/** `[T, 768]` */
export const printShape = (shape: Shape): string => `[${shape.map(printDim).join(", ")}]`;
/** `f32[T, 768]` */
export const printType = (t: TensorType): string => `${t.dtype}${printShape(t.shape)}`;

/**
 * The numpy broadcast of two shapes, or `undefined`. A symbolic dim broadcasts only with 1 or with itself.
 */
export function broadcastShapes(a: Shape, b: Shape): Shape | undefined {
  const rank = Math.max(a.length, b.length);
  const out: Dim[] = [];
  for (let i = 0; i < rank; i++) {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (dimEquals(x, y) || y === 1) out.push(x);
    else if (x === 1) out.push(y);
    else return undefined;
  }
  return out;
}

/** `axis` counted from the front, or `undefined` when there is no such axis. */
export function resolveAxis(axis: number, rank: number): number | undefined {
  const k = axis < 0 ? axis + rank : axis;
  return Number.isInteger(k) && k >= 0 && k < rank ? k : undefined;
}

/** Whether an element type is one of floating point. */
export const isFloat = (d: DType): boolean => d === "f32" || d === "f16";
