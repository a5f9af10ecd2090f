// Values of a normal distribution, the same on every machine: the arithmetic under random.ts. Two steps, both without
// logarithm, cosine or exponential, whose last digit ECMAScript leaves to the engine: a counter-based generator of
// integers gives 16 bits for an element, and these index a table of 65,536 quantiles.
import { pcg3d } from "../../base/random.ts";
import { toBf16Bits, toF16Bits } from "./convert.ts";

/** The dtypes that random weights can have. */
export const RANDOM_DTYPES = ["F32", "F16", "BF16"] as const;
/** One of them. */
export type RandomDType = (typeof RANDOM_DTYPES)[number];

/** The stored bits of elements: 32 for F32, else 16. */
export type Bits = Uint32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;

/**
 * Every value is a whole number of these. Up to 2^-3 in size, and 4.4 · 0.02 is less, such a number has at most 11
 * significant bits and is zero or no smaller than 2^-14: exact in f16, and never one of the subnormals, which a GPU may
 * take for zero. So an f16 checkpoint holds the same numbers as the f32 one of its seed; only bf16 has to round.
 */
const QUANTUM = 2 ** -14;
const ENTRIES = 0x10000;
const SQRT_2_PI = 2.5066282746310002;

/**
 * 65,536 values as equally likely as a normal distribution of mean 0 makes them, ascending, each the negative of its
 * mirror image. How often k · QUANTUM stands there is its share of the distribution, rounded to a whole number of
 * entries: so coarsely that the last digit of the arithmetic, and of the square root in a caller's `std`, is no matter.
 */
export function normalTable(std: number): Float32Array<ArrayBuffer> {
  const table = new Float32Array(ENTRIES);
  let entry = ENTRIES / 2;
  for (let k = 0; entry < ENTRIES; k++) {
    const end = Math.round(ENTRIES * shareBelow(upperBorder(k, std)));
    for (; entry < end; entry++) {
      table[entry] = k * QUANTUM;
      table[ENTRIES - 1 - entry] = -k * QUANTUM;
    }
  }
  return table;
}

/** Where the values that round to k · QUANTUM end, in standard deviations. */
export const upperBorder = (k: number, std: number): number => ((k + 0.5) * QUANTUM) / std;

/**
 * The share of a normal distribution below `z` standard deviations, z > 0, by its Taylor series:
 * ½ + (z − z³/(2·3) + z⁵/(2²·2!·5) − z⁷/(2³·3!·7) + …) / √(2π). Sums, products and quotients only: IEEE 754 fixes each.
 */
export function shareBelow(z: number): number {
  // Beyond the last entry of any table, and before the terms grow so large that they cancel badly.
  if (z > 6) return 1;
  let sum = 0;
  let power = z; // z^(2n+1) · (−½)^n / n!
  for (let n = 0; Math.abs(power) > 1e-20; n++) {
    sum += power / (2 * n + 1);
    power *= (-0.5 * z * z) / (n + 1);
  }
  return 0.5 + sum / SQRT_2_PI;
}

/** The values as elements of `dtype`, rounded to nearest, ties to even. */
export function bitsOf(values: Float32Array<ArrayBuffer>, dtype: RandomDType): Bits {
  switch (dtype) {
    case "F32":
      return new Uint32Array(values.buffer, values.byteOffset, values.length);
    case "F16":
      return toF16Bits(values);
    case "BF16":
      return toBf16Bits(values);
    default:
      return dtype satisfies never;
  }
}

/** What tells one tensor's sequence of numbers from another's. */
export type StreamKey = readonly [number, number];

/**
 * The key is made of seed and name alone, so a tensor has the same values in whatever list it stands, and at whatever
 * place. 64 bits: among 1,000 names the odds that two share a key are one in 10^13.
 */
export function streamKey(seed: number, name: string): StreamKey {
  let [a, b] = [seed, name.length];
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    [a, b] = [pcg3d(a, b, code), pcg3d(b, code, a)];
  }
  return [a, b];
}

/**
 * Writes elements `first`, `first + 1`, … of the tensor with this key. One 32-bit word serves elements 2n and 2n + 1, so
 * an element depends on the key and on its own index only, and any part of a tensor can be made without the rest.
 * The low bits of a word have a short period, 2^17 words for the lowest; as low bits of an index they only choose
 * between neighbouring quantiles.
 */
export function fillRandom(out: Bits, first: number, table: Bits, [a, b]: StreamKey): void {
  const { length } = out;
  let pair = Math.floor(first / 2);
  let i = 0;
  if (first % 2 === 1 && length > 0) out[i++] = table[pcg3d(a, b, pair++) >>> 16] ?? 0;
  for (; i + 1 < length; i += 2) {
    const word = pcg3d(a, b, pair++);
    out[i] = table[word & 0xffff] ?? 0;
    out[i + 1] = table[word >>> 16] ?? 0;
  }
  if (i < length) out[i] = table[pcg3d(a, b, pair) & 0xffff] ?? 0;
}
