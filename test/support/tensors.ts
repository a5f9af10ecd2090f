// Host tensors for tests: seeded operands, and a comparison whose failure says which element and by how much.
import { at, CompileError } from "../../ir/errors.ts";
import { castNumber, countElements, type HostTensor, hostTensor, stridesOf } from "../../ir/tensor.ts";
import { evalDim, printType, type SymbolValues, type TensorType } from "../../ir/type.ts";

/** |actual − expected| ≤ atol + rtol · |expected|, as in numpy. */
export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

/**
 * The same numbers for the same seed: floats in about [−2, 2] that their dtype holds exactly, integers 0, 1 and 2, and
 * mixed bools. The floats lean to the positive side, so that an operand swapped, dropped or negated shows.
 */
export function seededTensor(type: TensorType, symbols: SymbolValues, seed: number): HostTensor {
  const shape = type.shape.map((d) => {
    const n = evalDim(d, symbols);
    if (n === undefined) throw new CompileError("seededTensor", `${printType(type)} has a symbol without a value`);
    return n;
  });
  const random = mulberry32(seed);
  const element = (): number => {
    const u = random();
    if (type.dtype === "i32" || type.dtype === "u32") return Math.floor(u * 3);
    if (type.dtype === "bool") return u < 0.6 ? 1 : 0;
    return castNumber(u * 3.9 - 1.8, type.dtype);
  };
  return hostTensor(type.dtype, shape, Float64Array.from({ length: countElements(shape) }, element));
}

/** A small generator of numbers in [0, 1) that is good enough for operands (T. Ettinger's Mulberry32). */
function mulberry32(seed: number): () => number {
  let state = (seed * 0x9e3779b9) | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What 16 bits mean as an f16, by IEEE 754's definition. */
export function decodeF16(bits: number): number {
  const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 0x1f, bits & 0x3ff];
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

/** NaN differs from every number, and an infinity from all but itself, by an infinity. */
function difference(a: number, b: number): number {
  if (Object.is(a, b) || a === b) return 0;
  const d = Math.abs(a - b);
  return Number.isNaN(d) ? Number.POSITIVE_INFINITY : d;
}

/** The largest difference between two elements in the same place. */
export function maxDifference(a: HostTensor, b: HostTensor): number {
  assertSameShape(a, b, "maxDifference");
  return a.data.reduce((most, x, i) => Math.max(most, difference(x, at(b.data, i))), 0);
}

/** Fails naming the element that is furthest outside its bound. */
export function assertClose(actual: HostTensor, expected: HostTensor, { rtol, atol }: Tolerance, label: string): void {
  assertSameShape(actual, expected, label);
  const bound = (i: number) => {
    const size = Math.abs(at(expected.data, i));
    return atol + (Number.isFinite(size) ? rtol * size : 0);
  };
  const off = (i: number) => difference(at(actual.data, i), at(expected.data, i));
  // How many times its bound; where the bound is 0, the difference itself decides.
  const excess = (i: number): readonly [number, number] => [off(i) / bound(i), off(i)];
  let worst = -1;
  let outside = 0;
  for (let i = 0; i < expected.data.length; i++) {
    if (off(i) <= bound(i)) continue;
    outside++;
    const [times, by] = excess(i);
    const [mostTimes, mostBy] = worst < 0 ? [-1, -1] : excess(worst);
    if (times > mostTimes || (times === mostTimes && by > mostBy)) worst = i;
  }
  if (worst < 0) return;
  const place = stridesOf(expected.shape).map((s, axis) => Math.floor(worst / s) % at(expected.shape, axis));
  throw new Error(
    `${label}: element [${place.join(", ")}] is ${at(actual.data, worst)}, but should be ${at(expected.data, worst)}: ` +
      `off by ${off(worst)}, and ${bound(worst)} is allowed (${outside} of ${expected.data.length} elements are outside)`,
  );
}

function assertSameShape(a: HostTensor, b: HostTensor, label: string): void {
  if (a.shape.join() !== b.shape.join())
    throw new Error(`${label}: the shape is [${a.shape.join(", ")}], but should be [${b.shape.join(", ")}]`);
}
