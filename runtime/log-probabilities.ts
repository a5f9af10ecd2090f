// From logits to log-probabilities, on the host and in f64: what scoring needs, and a generation that is asked for them.
import { optionError, RuntimeError } from "./errors.ts";

/** How likely a token is. */
export interface TokenScore {
  readonly id: number;
  readonly logit: number;
  /** After the softmax over the whole vocabulary. */
  readonly probability: number;
}

/**
 * log(softmax(logits)) [n_vocab], in nats and f64. `place` is what errors call the logits.
 * @throws RuntimeError for logits that are not finite.
 */
export function logSoftmax(logits: Float32Array, place = "log-softmax"): Float64Array {
  const shift = logSumExp(logits, place);
  const out = new Float64Array(logits);
  for (let id = 0; id < out.length; id++) out[id] = (out[id] ?? 0) - shift;
  return out;
}

/**
 * The `k` most likely tokens, most likely first; the lower id first where logits are equal.
 * @throws RuntimeError for logits that are not finite, and a k that is no whole number ≥ 1.
 */
export function topTokens(logits: Float32Array, k: number, place = "top tokens"): TokenScore[] {
  if (!(Number.isInteger(k) && k >= 1))
    throw optionError(place, `${k} tokens are asked for`, "it must be a whole number, 1 or more");
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
  return new RuntimeError(place, `${facts}, but probabilities need finite logits`, {
    code: "not-finite",
    hint: "the weights are damaged, or an f16 overflowed on the way: check the checkpoint, or compute in f32",
  });
}
