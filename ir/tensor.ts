import { CompileError } from "./errors.ts";
import type { DType } from "./type.ts";

/** A tensor on the host, for the interpreter. Every element is held as an f64, whatever its dtype; bools are 0 and 1. */
export interface HostTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** How many elements a shape has. */
export const countElements = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);

/** Row-major strides, in elements. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = (strides[i + 1] ?? 1) * (shape[i + 1] ?? 1);
  return strides;
}

/**
 * A tensor of the elements given, row-major.
 * @throws CompileError when their number is not the shape's.
 */
export function hostTensor(dtype: DType, shape: readonly number[], data: ArrayLike<number>): HostTensor {
  if (data.length !== countElements(shape))
    throw new CompileError("tensor", `${data.length} elements, but the shape is [${shape.join(", ")}]`);
  return { dtype, shape, data: data instanceof Float64Array ? data : Float64Array.from(data) };
}

/** A copy of a row: what a tensor holds at that place of its first axis. */
export function rowOf({ data, shape }: HostTensor, row: number): Float64Array {
  const width = countElements(shape.slice(1));
  return data.slice(row * width, (row + 1) * width);
}

/** Calls `visit` with every index of `shape` in row-major order. The array is reused between calls. */
export function forEachIndex(shape: readonly number[], visit: (at: readonly number[], flat: number) => void): void {
  const n = countElements(shape);
  const at = new Array<number>(shape.length).fill(0);
  for (let flat = 0; flat < n; flat++) {
    visit(at, flat);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const next = (at[axis] ?? 0) + 1;
      if (next < (shape[axis] ?? 0)) {
        at[axis] = next;
        break;
      }
      at[axis] = 0;
    }
  }
}

/** Rounds to the nearest f16, ties to even; overflow gives an infinity. */
export function roundToF16(x: number): number {
  if (!Number.isFinite(x) || x === 0) return x;
  const magnitude = Math.abs(x);
  // The spacing of f16 at x: 2^(e-10), and 2^-24 among the subnormals.
  const spacing = 2 ** (Math.max(Math.floor(Math.log2(magnitude)), -14) - 10);
  const scaled = magnitude / spacing;
  const floor = Math.floor(scaled);
  const rest = scaled - floor;
  const y = (rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor) * spacing;
  // The sign stays on what rounds to zero.
  return Math.sign(x) * (y > 65504 ? Number.POSITIVE_INFINITY : y);
}

/** The value that a dtype can hold nearest to `x`: integers truncate toward zero and wrap, bool is x ≠ 0. */
export function castNumber(x: number, dtype: DType): number {
  switch (dtype) {
    case "f32":
      return Math.fround(x);
    case "f16":
      return roundToF16(x);
    case "i32":
      return Math.trunc(x) | 0;
    case "u32":
      return Math.trunc(x) >>> 0;
    case "bool":
      return x === 0 ? 0 : 1;
    default:
      return dtype satisfies never;
  }
}
