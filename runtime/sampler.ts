// The host's sampler: logits and settings to one token id, and the log-probabilities that scoring needs. Pure: the only
// randomness is a counter-based generator of 32-bit integer operations, which gives the same numbers in WGSL.

import { RuntimeError } from "./errors.ts";

/** How a token is chosen. The filters apply in this order: temperature, top-k, top-p. */
export interface SamplerSettings {
  /** Divides the logits. 0 is greedy: the largest logit, the lowest id where several are largest. */
  readonly temperature: number;
  /** Keep the k largest logits; where several are equal at the border, the lowest ids. */
  readonly topK?: number;
  /** Keep the smallest set of most likely tokens whose probabilities reach p (nucleus sampling). */
  readonly topP?: number;
}

/** A seeded sequence of uniform numbers. Number n depends on seed and n only, so a run can be resumed anywhere. */
export interface Rng {
  readonly seed: number;
  /** The index of the next number; `next` advances it. */
  step: number;
  /** The next number: a multiple of 2^-24 in [0, 1), exact in f32. */
  next(): number;
}

export interface TokenScore {
  readonly id: number;
  readonly logit: number;
  /** After the softmax over the whole vocabulary. */
  readonly probability: number;
}

/** @throws RuntimeError for settings out of range, naming the setting and its range. */
export function checkSampler({ temperature, topK, topP }: SamplerSettings): void {
  if (!(temperature >= 0 && temperature < Number.POSITIVE_INFINITY))
    throw new RuntimeError(
      "sampler",
      `temperature is ${temperature}, but must be ≥ 0`,
      "0 is greedy, 1 is the model's own distribution",
    );
  if (topK !== undefined && !(Number.isInteger(topK) && topK >= 1))
    throw new RuntimeError(
      "sampler",
      `topK is ${topK}, but must be a whole number ≥ 1`,
      "leave it out to keep every token",
    );
  if (topP !== undefined && !(topP > 0 && topP <= 1))
    throw new RuntimeError("sampler", `topP is ${topP}, but must be > 0 and ≤ 1`, "leave it out to keep every token");
}

/**
 * One token id from `logits` [n_vocab]. Draws one number from `rng`, or none at temperature 0.
 * `place` is what errors call the logits.
 * @throws RuntimeError for settings out of range, and for logits that are no distribution (NaN, +Infinity, all -Infinity).
 */
export function sample(logits: Float32Array, settings: SamplerSettings, rng: Rng, place = "sampler"): number {
  checkSampler(settings);
  const best = findLargest(logits, place);
  const { temperature, topK = logits.length, topP = 1 } = settings;
  if (temperature === 0) return best;

  const max = logits[best] ?? 0;
  // [n_vocab], not normalised; 0 is a token that was filtered out.
  const weights = new Float64Array(logits.length);
  const weigh = (id: number): void => {
    weights[id] = Math.exp(((logits[id] ?? 0) - max) / temperature);
  };
  if (topK < logits.length) largest(logits, topK).forEach(weigh);
  else for (let id = 0; id < logits.length; id++) weigh(id);
  if (topP < 1) keepNucleus(weights, topP);
  return draw(weights, rng.next());
}

/**
 * Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration": zeroes all but the largest weights that
 * together reach `p` of the total. Of equal weights at the border, the lowest ids stay.
 */
function keepNucleus(weights: Float64Array, p: number): void {
  const total = sum(weights);
  const goal = p * total;
  // All weights below this come to less than (1 - p) of the total, so none of them is needed: no need to sort the tail.
  const floor = (total - goal) / weights.length;
  const heavy = weights.filter((w) => w >= floor).sort();
  let reached = 0;
  let first = heavy.length;
  while (reached < goal && first > 0) reached += heavy[--first] ?? 0;
  const border = heavy[first] ?? 0;
  let equalWanted = heavy.subarray(first).lastIndexOf(border) + 1;
  for (let id = 0; id < weights.length; id++) {
    const w = weights[id] ?? 0;
    if (w < border || (w === border && equalWanted-- <= 0)) weights[id] = 0;
  }
}

/** The id in whose share of the total weight `uniform` [0, 1) falls, shares in the order of ids. */
function draw(weights: Float64Array, uniform: number): number {
  const goal = uniform * sum(weights);
  let id = 0;
  let reached = weights[0] ?? 0;
  // Strictly past the goal, so never at a weight of 0. The same sum in the same order gets there before the end.
  while (reached <= goal && id < weights.length - 1) reached += weights[++id] ?? 0;
  return id;
}

/** log(softmax(logits)) [n_vocab] in f64. */
export function logSoftmax(logits: Float32Array, place = "log-softmax"): Float64Array {
  const shift = logSumExp(logits, place);
  const out = new Float64Array(logits);
  for (let id = 0; id < out.length; id++) out[id] = (out[id] ?? 0) - shift;
  return out;
}

/** The `k` most likely tokens, most likely first; the lower id first where logits are equal. */
export function topTokens(logits: Float32Array, k: number, place = "top tokens"): TokenScore[] {
  checkSampler({ temperature: 1, topK: k });
  const shift = logSumExp(logits, place);
  return Array.from(largest(logits, k), (id) => {
    const logit = logits[id] ?? 0;
    return { id, logit, probability: Math.exp(logit - shift) };
  });
}

/** log Σ exp(x), as max + log Σ exp(x - max), so that nothing overflows. */
function logSumExp(logits: Float32Array, place: string): number {
  const max = logits[findLargest(logits, place)] ?? 0;
  let total = 0;
  for (let id = 0; id < logits.length; id++) total += Math.exp((logits[id] ?? 0) - max);
  return max + Math.log(total);
}

/** The ids of the `k` largest logits, largest first; of equal ones the lowest ids, lowest first. */
function largest(logits: Float32Array, k: number): Int32Array {
  // An insertion sort that drops what falls off its end: for k ≪ n_vocab nearly every logit fails one comparison.
  const ids = new Int32Array(Math.min(k, logits.length));
  let count = 0;
  for (let id = 0; id < logits.length; id++) {
    const x = logits[id] ?? 0;
    if (count === ids.length && !(x > (logits[ids[count - 1] ?? 0] ?? 0))) continue;
    let low = 0;
    for (let high = count; low < high; ) {
      const middle = (low + high) >> 1;
      if (x > (logits[ids[middle] ?? 0] ?? 0)) high = middle;
      else low = middle + 1;
    }
    ids.copyWithin(low + 1, low, count);
    ids[low] = id;
    if (count < ids.length) count++;
  }
  return ids;
}

/** The id of the largest logit, the lowest among equals. Refuses logits that are no distribution. */
function findLargest(logits: Float32Array, place: string): number {
  let best = 0;
  let max = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id++) {
    const x = logits[id] ?? 0;
    if (x > max) {
      max = x;
      best = id;
    } else if (Number.isNaN(x)) throw notFinite(place, logits, id);
  }
  if (!Number.isFinite(max)) throw notFinite(place, logits, best);
  return best;
}

function notFinite(place: string, logits: Float32Array, id: number): RuntimeError {
  const facts =
    logits.length === 0 ? "there are no logits" : `the logit of token ${id} of ${logits.length} is ${logits[id]}`;
  return new RuntimeError(
    place,
    `${facts}, but probabilities need finite logits`,
    "the weights are damaged, or an f16 overflowed on the way: check the checkpoint, or compute in f32",
  );
}

function sum(weights: Float64Array): number {
  let total = 0;
  for (let i = 0; i < weights.length; i++) total += weights[i] ?? 0;
  return total;
}

/**
 * A generator that begins at number `step` of the sequence of `seed` (a whole number below 2^32).
 * @throws RuntimeError for another seed.
 */
export function createRng(seed: number, step = 0): Rng {
  if (!(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32))
    throw new RuntimeError("seed", `is ${seed}, but must be a whole number ≥ 0 and < 2^32`);
  const rng: Rng = { seed, step, next: () => (pcg3d(seed, rng.step++, 0) >>> 8) / 2 ** 24 };
  return rng;
}

/**
 * `pcg3d` of Jarzynski and Olano, "Hash Functions for GPU Rendering", JCGT 9(3), 2020 (after O'Neill's PCG): three u32
 * in, the first of the three u32 out. u32 multiplications, additions, xors and shifts only, so WGSL computes the same.
 */
export function pcg3d(a: number, b: number, c: number): number {
  let x = (Math.imul(a, 1664525) + 1013904223) | 0;
  let y = (Math.imul(b, 1664525) + 1013904223) | 0;
  let z = (Math.imul(c, 1664525) + 1013904223) | 0;
  x = (x + Math.imul(y, z)) | 0;
  y = (y + Math.imul(z, x)) | 0;
  z = (z + Math.imul(x, y)) | 0;
  x ^= x >>> 16;
  y ^= y >>> 16;
  z ^= z >>> 16;
  return (x + Math.imul(y, z)) >>> 0;
}
