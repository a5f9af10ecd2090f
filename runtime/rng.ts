// Seeded numbers from a counter and 32-bit integer operations: the same on any machine, in any order.
import { checkSeed } from "./sampler.ts";

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
