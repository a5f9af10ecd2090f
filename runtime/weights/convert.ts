// Stored elements to f32, and f32 to f16 and bf16. Bulk loops over typed arrays: nothing is allocated per element.
// Bytes are little-endian, as in safetensors and as on every machine that WebGPU runs on.

import { ITEM_SIZE, type StoredDType } from "../../base/dtype.ts";
import { fileError } from "../errors.ts";

/** The stored dtypes that weights may have. */
export const FLOAT_DTYPES = ["F64", "F32", "F16", "BF16"] as const;
export type FloatDType = (typeof FLOAT_DTYPES)[number];

export const isFloatDType = (dtype: StoredDType): dtype is FloatDType =>
  (FLOAT_DTYPES as readonly StoredDType[]).includes(dtype);

/**
 * The elements of `bytes` as f32: exact for F32, F16 and BF16, rounded to nearest for F64.
 * For F32 at an aligned offset the result is a view of `bytes`; otherwise it lies in `memory`, if that is given and large
 * enough, or in its own. Memory that is used again saves the system from clearing new pages, which takes longer than
 * the conversion.
 * @throws RuntimeError when `bytes` holds no whole number of elements.
 */
export function toF32(
  bytes: Uint8Array<ArrayBuffer>,
  dtype: FloatDType,
  memory?: ArrayBuffer,
): Float32Array<ArrayBuffer> {
  const size = ITEM_SIZE[dtype];
  if (bytes.length % size !== 0) throw fileError("toF32", `${bytes.length} bytes given, but an ${dtype} takes ${size}`);
  const aligned = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  const { buffer, byteOffset } = aligned;
  const length = bytes.length / size;
  if (dtype === "F32") return new Float32Array(buffer, byteOffset, length);
  const out = new Float32Array(
    memory && memory.byteLength >= 4 * length ? memory : new ArrayBuffer(4 * length),
    0,
    length,
  );
  switch (dtype) {
    case "F64":
      out.set(new Float64Array(buffer, byteOffset, length));
      return out;
    case "F16":
      return widen(new Uint16Array(buffer, byteOffset, length), out, f16Table());
    case "BF16":
      return widenBf16(new Uint16Array(buffer, byteOffset, length), out);
    default:
      return dtype satisfies never;
  }
}

/** BF16 is the upper half of an f32. */
function widenBf16<A extends Float32Array>(halves: Uint16Array, out: A): A {
  const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < bits.length; i++) bits[i] = (halves[i] ?? 0) << 16;
  return out;
}

// Bits, not numbers, are moved: a NaN keeps its payload.
function widen<A extends Float32Array>(halves: Uint16Array, out: A, table: Uint32Array): A {
  const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < bits.length; i++) bits[i] = table[halves[i] ?? 0] ?? 0;
  return out;
}

let table: Uint32Array | undefined;

/** The f32 bits of every f16: 256 KiB, made when first needed. */
function f16Table(): Uint32Array {
  table ??= Uint32Array.from({ length: 0x10000 }, (_, half) => f32BitsOfF16(half));
  return table;
}

/** f16: 1 sign bit, 5 exponent bits (bias 15), 10 fraction bits. f32: 1, 8 (bias 127), 23. */
function f32BitsOfF16(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return (sign | 0x7f800000 | (fraction << 13)) >>> 0;
  if (exponent !== 0) return (sign | ((exponent + 112) << 23) | (fraction << 13)) >>> 0;
  if (fraction === 0) return sign >>> 0;
  // A subnormal, fraction · 2^-24, is a normal f32: shift its leading one into the implicit place.
  const shift = Math.clz32(fraction) - 21;
  return (sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13)) >>> 0;
}

/**
 * Each value's nearest f16, as bits, ties to even (IEEE 754 roundTiesToEven). From |x| ≥ 65520 the nearest is an
 * infinity; below 2^-24/2 it is zero; a NaN stays one. They are written to `out`, as many as there are values.
 */
export function toF16Bits(values: Float32Array, out = new Uint16Array(values.length)): Uint16Array<ArrayBuffer> {
  const source = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < source.length; i++) {
    const bits = source[i] ?? 0;
    const magnitude = bits & 0x7fffffff;
    let half: number;
    if (magnitude >= 0x47800000) {
      // From 2^16 on: an infinity, or a quiet NaN with what fits of its payload.
      half = magnitude > 0x7f800000 ? 0x7e00 | ((magnitude >>> 13) & 0x3ff) : 0x7c00;
    } else if (magnitude >= 0x38800000) {
      // Normal in f16, from 2^-14 on. Rounding may carry into the exponent, which is right, also into infinity.
      half = (magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13;
    } else if (magnitude >= 0x33000000) {
      // Subnormal in f16, from 2^-25 on: a whole number of 2^-24, here by shifting the full significand.
      const shift = 126 - (magnitude >>> 23);
      const significand = (magnitude & 0x7fffff) | 0x800000;
      const rest = significand & ((1 << shift) - 1);
      const tie = 1 << (shift - 1);
      half = significand >>> shift;
      if (rest > tie || (rest === tie && (half & 1) === 1)) half++;
    } else half = 0;
    out[i] = ((bits >>> 16) & 0x8000) | half;
  }
  return out;
}

/**
 * Each value's nearest bf16, as bits, ties to even: the upper half of the f32, plus one where the lower half says so.
 * The carry may reach the exponent, which is right, also into infinity; a NaN stays one, made quiet.
 */
export function toBf16Bits(values: Float32Array): Uint16Array<ArrayBuffer> {
  const source = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < source.length; i++) {
    const bits = source[i] ?? 0;
    const notANumber = (bits & 0x7fffffff) > 0x7f800000;
    out[i] = notANumber ? (bits >>> 16) | 0x40 : (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
  }
  return out;
}
