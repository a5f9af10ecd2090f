// WGSL functions that scalar functions call, and the number functions that JavaScript lacks.

/** aᵇ as IEEE's pow has it; WGSL's own is undefined for a negative base. */
export const SIGNED_POW_WGSL = `fn signed_pow(base: f32, exponent: f32) -> f32 {
  if (exponent == 0.0) { return 1.0; }
  let magnitude = pow(abs(base), exponent);
  if (base >= 0.0) { return magnitude; }
  if (exponent != floor(exponent)) { return sqrt(base); }
  return select(magnitude, -magnitude, abs(exponent) - 2.0 * floor(abs(exponent) * 0.5) == 1.0);
}`;

/**
 * sin(x + quarter · π/2), off by 2⁻²³ at most for any finite x, and by a few units of the last place of x where |x| ≤ π/4.
 * WGSL's own may be off by 2⁻¹¹, and promise nothing beyond ±π. The reduction is Payne and Hanek's (SIGNUM Newsletter 18,
 * 1983) in integers, which no compiler reorders: the bits of 1/2π that matter for x's exponent, times x's mantissa, are
 * the turns as a fraction of 32 bits. Then minimax polynomials on [−π/4, π/4], fitted by Lawson's reweighting; relative
 * error 2⁻²⁸ for the sine, absolute 2⁻³³ for the cosine.
 */
export const SINE_WGSL = `fn sine(x: f32, quarter: u32) -> f32 {
  let bits = bitcast<u32>(x);
  let exponent = (bits >> 23u) & 0xffu;
  if (exponent == 0xffu) { return bitcast<f32>(bits | 0x7fc00000u); }
  var angle = x;
  var turns = quarter;
  if (abs(x) > 0.7853982) {
    const INVERSE = array<u32, 7>(0u, 0x28be60dbu, 0x9391054au, 0x7f09d5f4u, 0x7d4d3770u, 0x36d8a566u, 0x4f10e410u);
    let word = (exponent - 118u) >> 5u;
    let shift = (exponent - 118u) & 31u;
    let high = (INVERSE[word] << shift) | ((INVERSE[word + 1u] >> 1u) >> (31u - shift));
    let low = (INVERSE[word + 1u] << shift) | ((INVERSE[word + 2u] >> 1u) >> (31u - shift));
    let mantissa = (bits & 0x7fffffu) | 0x800000u;
    let a = mantissa >> 16u;
    let b = mantissa & 0xffffu;
    let c = a * (low & 0xffffu) + ((b * (low & 0xffffu)) >> 16u);
    let d = b * (low >> 16u) + (c & 0xffffu);
    let positive = mantissa * high + a * (low >> 16u) + (c >> 16u) + (d >> 16u);
    let phase = select(positive, ~positive + 1u, x < 0.0);
    let nearest = (phase + 0x20000000u) >> 30u;
    angle = f32(bitcast<i32>(phase - (nearest << 30u))) * 1.4629181e-9;
    turns += nearest;
  }
  let z = angle * angle;
  let odd = angle + angle * z * (-0.16666655 + z * (0.008332178 - z * 0.00019517299));
  let even = 1.0 - 0.5 * z + z * z * (0.041666647 + z * (-0.0013887368 + z * 0.000024438442));
  let y = select(odd, even, (turns & 1u) == 1u);
  return select(y, -y, (turns & 2u) == 2u);
}`;

/**
 * tanh, off by a few units of the last place: WGSL's own may be off by 10⁻⁵, and be NaN where e^x overflows. A minimax
 * polynomial near 0, where 1 − 2 / (e^2x + 1) cancels; beyond ±10 tanh is ±1 in f32.
 */
export const TANH_WGSL = `fn tanh_of(x: f32) -> f32 {
  let a = min(abs(x), 10.0);
  if (a < 0.625) {
    let z = x * x;
    return x + x * z * (-0.33333284 + z * (0.13331491 + z * (-0.0537435 + z * (0.020650588 - z * 0.005717045))));
  }
  return sign(x) * (1.0 - 2.0 / (exp(2.0 * a) + 1.0));
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
