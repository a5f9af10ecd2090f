// Seeded numbers from a counter and 32-bit integer operations: the same on any machine, in any order.
import { uniform } from "../base/random.ts";
import { checkSeed } from "./sampling.ts";

/** A seeded sequence of uniform numbers. Number n depends on seed and n only, so a run can be resumed anywhere. */
export interface Rng {
  readonly seed: number;
  /** The index of the next number; `next` advances it. */
  step: number;
  /** The next number: a multiple of 2^-24 in [0, 1), exact in f32. */
  next(): number;
}

/**
 * A generator that begins at number `step` of the sequence of `seed` (a whole number below 2^32).
 * @throws RuntimeError for another seed.
 */
export function createRng(seed: number, step = 0): Rng {
  checkSeed(seed);
  const rng: Rng = { seed, step, next: () => uniform(seed, rng.step++) };
  return rng;
}
