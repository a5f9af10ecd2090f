// A row of logits in parts, as many workgroups share it: what a draw has to know of each part. One place for the meaning; the ops that
// make parts and that draw from them, and their kernels, read it here.
import { at, CompileError } from "./errors.ts";

/** How many buckets of half a nat a part tells of: from its largest logit down, the last for all that is below the others. */
export const PART_BUCKETS = 32;
/** How many parts a row may have at most: a draw holds a number for each in a workgroup's memory. */
export const MOST_PARTS = 256;
/** How wide a row may be at most: sums of weights are of 64 bits, 40 of them behind the point, and are multiplied by 4 bits at a time. */
export const MOST_PARTED_WIDTH = 2 ** 20;

/** Where the words of a part lie; see `sample_token_parts`. */
export const PART_WORDS = {
  largest: 0,
  least: 1,
  first: 2,
  weight: 3,
  counts: 4,
  weights: 4 + PART_BUCKETS,
  keys: 4 + 2 * PART_BUCKETS,
} as const;

/** How many ids each part of a row has, but for the last ones. */
export const partStretch = (width: number, parts: number): number => Math.ceil(width / parts);

/** How many words a part takes. */
export const partWords = (width: number, parts: number): number => PART_WORDS.keys + partStretch(width, parts);

/** Whether a row of so many logits can be cut into so many parts. */
export const canBeParted = (width: number, parts: number): boolean =>
  Number.isInteger(parts) && parts >= 1 && parts <= MOST_PARTS && width >= 1 && width <= MOST_PARTED_WIDTH;

/** @throws CompileError for a number of parts that a row of so many logits can't be cut into. */
export function checkParted(op: string, width: number, parts: number): void {
  if (!canBeParted(width, parts))
    throw new CompileError(
      op,
      `parts is ${parts}, and the logits are ${width}`,
      `parts must be 1 to ${MOST_PARTS}, of 1 to ${MOST_PARTED_WIDTH} logits`,
    );
}

const FLOAT = new Float32Array(1);
const BITS = new Uint32Array(FLOAT.buffer);

/** The bits of the nearest f32. */
const bitsOf = (x: number): number => {
  FLOAT[0] = x;
  return at(BITS, 0);
};

/**
 * The key of an f32, a u32: the larger number has the larger key, −0 that of 0. −Infinity has 0x007fffff, Infinity 0xff800000, and a NaN
 * one that is not between these.
 */
export function keyOfLogit(z: number): number {
  const bits = bitsOf(z === 0 ? 0 : z);
  return (bits >>> 31 === 1 ? ~bits : bits | 0x80000000) >>> 0;
}

/** The f32 that has the key. */
export function logitOfKey(key: number): number {
  BITS[0] = key >>> 31 === 1 ? key & 0x7fffffff : ~key;
  return at(FLOAT, 0);
}

const LEAST_KEY = keyOfLogit(Number.NEGATIVE_INFINITY);
const isFiniteKey = (key: number): boolean => key > LEAST_KEY && key < keyOfLogit(Number.POSITIVE_INFINITY);

/** Half nats, whole ones and rounded down; what is beyond ±2²² counts as that. */
const bucketOf = (z: number): number => Math.floor(2 * Math.min(Math.max(z, -(2 ** 22)), 2 ** 22));

/** The words of each part of a row whose logits have had suppression and penalty; see `sample_token_parts`. */
export function partsOfRow(logits: Float64Array, parts: number, temperature: number): Float64Array {
  const stretch = partStretch(logits.length, parts);
  const words = partWords(logits.length, parts);
  const all = new Float64Array(parts * words);
  for (let p = 0; p < parts; p++) {
    const first = p * stretch;
    const keys = Array.from(logits.subarray(first, first + stretch), keyOfLogit);
    all.set(partOf(keys, first, temperature), p * words);
  }
  return all;
}

function partOf(keys: readonly number[], firstId: number, temperature: number): readonly number[] {
  const largest = keys.reduce((most, key) => Math.max(most, key), 0);
  const least = keys.reduce((most, key) => Math.min(most, key), 2 ** 32 - 1);
  const first = keys.length > 0 ? firstId + keys.indexOf(largest) : 2 ** 32 - 1;
  const counts = new Array<number>(PART_BUCKETS).fill(0);
  const weights = new Array<number>(PART_BUCKETS).fill(0);
  const most = logitOfKey(largest);
  let weight = 0;
  for (const key of keys) {
    if (!(temperature > 0) || !isFiniteKey(largest) || !isFiniteKey(key)) continue;
    const z = logitOfKey(key);
    const bucket = Math.min(bucketOf(most) - bucketOf(z), PART_BUCKETS - 1);
    const own = Math.exp((z - most) / temperature);
    counts[bucket] = at(counts, bucket) + 1;
    weights[bucket] = at(weights, bucket) + own;
    weight += own;
  }
  return [largest, least, first, bitsOf(weight), ...counts, ...weights.map(bitsOf), ...keys];
}

/** The logits that a row's parts hold. */
export function logitsOfParts(row: Float64Array, parts: number, width: number): Float64Array {
  const [stretch, words] = [partStretch(width, parts), partWords(width, parts)];
  return Float64Array.from({ length: width }, (_, id) =>
    logitOfKey(at(row, Math.floor(id / stretch) * words + PART_WORDS.keys + (id % stretch))),
  );
}
