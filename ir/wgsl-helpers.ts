// WGSL functions that pointwise ops share, and the number functions that JavaScript lacks.

/** Brings an angle into [−π, π] in two steps (Cody and Waite): WGSL promises accuracy only there. */
export const REDUCE_ANGLE = `fn reduce_angle(x: f32) -> f32 {
  let turns = round(x * 0.15915494);
  return (x - turns * 6.28125) - turns * 0.0019353072;
}`;

/**
 * erf in f32, largest error 1.5e-7: Abramowitz and Stegun 7.1.26 loses its small values to cancellation, so near zero
 * the Maclaurin series stands in for it.
 */
export const ERF_WGSL = `fn erf(x: f32) -> f32 {
  let a = min(abs(x), 6.0);
  if (a < 0.5) {
    let s = x * x;
    return x * (1.1283792 + s * (-0.37612638 + s * (0.11283792 + s * (-0.026866170 + s * (0.0052239776 - s * 0.00085483274)))));
  }
  let t = 1.0 / (1.0 + 0.3275911 * a);
  let p = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return sign(x) * (1.0 - p * exp(-a * a));
}`;

/**
 * erf in f64 to 1e-15: the Maclaurin series below 2 (terms alternate and stay below e^4, so two digits are lost at
 * most), the continued fraction of erfc above.
 */
export function erfNumber(x: number): number {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  if (a < 2) {
    let term = a;
    let sum = a;
    for (let n = 1; n < 80; n++) {
      term *= (-a * a) / n;
      sum += term / (2 * n + 1);
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let n = 80; n > 0; n--) fraction = n / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / (Math.sqrt(Math.PI) * (a + fraction)));
}
