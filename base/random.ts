// The counter-based generator of random numbers: number n of a seed depends on the seed and on n alone, so that kernels,
// references and made-up weights agree, and a run can be cut anywhere.

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

/** Number `step` of the uniform numbers of `seed`: a multiple of 2^-24 in [0, 1), exact in f32. */
export const uniform = (seed: number, step: number): number => (pcg3d(seed, step, 0) >>> 8) / 2 ** 24;
