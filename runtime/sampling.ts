// The settings of a draw, their ranges, and how the plan's kernel reads them. The draw itself is that kernel: see `sample_token`.
import { suppressedWords } from "../base/draw.ts";
import { checkOptions } from "./check-call.ts";
import { optionError } from "./errors.ts";

/** How a token is chosen. They apply in this order: repetition penalty, temperature, top-k, top-p, min-p. */
export interface SamplerSettings {
  /** Divides the logits. 0 is greedy: the largest logit, the lowest id where several are largest. */
  readonly temperature: number;
  /** Keep the k largest logits, and those that equal the smallest of them. */
  readonly topK?: number;
  /** Keep the fewest most likely tokens whose probabilities reach p, and those that equal the last (nucleus sampling). */
  readonly topP?: number;
  /** Keep the tokens that are at least so likely as this share of the likeliest: 0 keeps all, 1 the likeliest alone. */
  readonly minP?: number;
  /**
   * Makes less likely what stands in the sequence already, the prompt included: a logit above 0 is divided by it, another one
   * multiplied. 1 changes nothing, less than 1 favours repetition.
   */
  readonly repetitionPenalty?: number;
  /** Ids that are never drawn, as if their logits were -Infinity. */
  readonly suppressTokens?: readonly number[];
}

/** A text or `true` is in a range too, as what it is converted to. */
const KINDS = {
  temperature: "number",
  topK: "number",
  topP: "number",
  minP: "number",
  repetitionPenalty: "number",
} as const;

/**
 * `place` is what an error calls the settings.
 * @throws RuntimeError for settings out of range, naming the setting and its range.
 */
export function checkSampler(settings: SamplerSettings, place = "sampler"): void {
  checkOptions(place, settings ?? null, KINDS);
  const { temperature, topK, topP, minP, repetitionPenalty } = settings;
  if (!(temperature >= 0 && temperature < Number.POSITIVE_INFINITY))
    throw optionError(
      place,
      `temperature is ${temperature}, but must be ≥ 0`,
      "0 is greedy, 1 is the model's own distribution",
    );
  if (topK !== undefined && !(Number.isInteger(topK) && topK >= 1))
    throw optionError(place, `topK is ${topK}, but must be a whole number ≥ 1`, "leave it out to keep every token");
  if (topP !== undefined && !(topP > 0 && topP <= 1))
    throw optionError(place, `topP is ${topP}, but must be > 0 and ≤ 1`, "leave it out to keep every token");
  if (minP !== undefined && !(minP >= 0 && minP <= 1))
    throw optionError(place, `minP is ${minP}, but must be ≥ 0 and ≤ 1`, "leave it out to keep every token");
  if (repetitionPenalty !== undefined && !(repetitionPenalty >= 0.01 && repetitionPenalty <= 100))
    throw optionError(
      place,
      `repetitionPenalty is ${repetitionPenalty}, but must be from 0.01 to 100`,
      "1 changes nothing; 1.1 to 1.3 are usual",
    );
}

/** As `sample_token` reads them, f32[5]. Beyond the bounds f32 can't divide by a temperature; the draw is greedy, or uniform, long before. */
export function settingsData(settings: SamplerSettings, n_vocab: number): Float32Array<ArrayBuffer> {
  const { temperature, topK = 0, topP = 1, minP = 0, repetitionPenalty = 1 } = settings;
  const bounded = temperature < 1e-30 ? 0 : Math.min(temperature, 1e30);
  return Float32Array.of(bounded, Math.min(topK, n_vocab), topP, minP, repetitionPenalty);
}

/**
 * `suppressTokens` as the draw reads them: id i is bit i % 32 of word ⌊i / 32⌋. `place` is what an error calls the settings.
 * @throws RuntimeError for an id that is none, and where no token would be left.
 */
export function suppressedBits(ids: readonly number[], n_vocab: number, place = "sampler"): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(suppressedWords(n_vocab));
  for (const id of ids) {
    if (!(Number.isInteger(id) && id >= 0 && id < n_vocab))
      throw optionError(place, `suppressTokens has ${id}`, `token ids are 0 to ${n_vocab - 1}`);
    words[id >>> 5] = (words[id >>> 5] ?? 0) | (1 << (id & 31));
  }
  if (ids.length >= n_vocab && new Set(ids).size === n_vocab)
    throw optionError(place, `suppressTokens has all ${n_vocab} ids, so that none is left to draw`);
  return words;
}

/**
 * `place` is what an error calls the seed.
 * @throws RuntimeError for a seed that is no u32.
 */
export function checkSeed(seed: number, place = "seed"): void {
  if (!(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32))
    throw optionError(place, `is ${seed}, but must be a whole number ≥ 0 and < 2^32`);
}
