import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { toF16Bits, toF32 } from "../../runtime/weights/convert.ts";

const test = suite("checkpoint-convert");

const bytesOf = (view: ArrayBufferView<ArrayBuffer>): Uint8Array<ArrayBuffer> =>
  new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
const fromF16 = (...bits: number[]): number[] => [...toF32(bytesOf(Uint16Array.from(bits)), "F16")];
const toF16 = (...values: number[]): number[] => [...toF16Bits(Float32Array.from(values))];

/** The definition of the format, in numbers: (-1)^s · 2^(e-15) · (1 + f/1024), and f · 2^-24 where e is 0. */
function meaningOfF16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : 2 ** (exponent - 15) * (1 + fraction / 1024));
}

test("reads every f16 as the format defines it, and writes it back unchanged", () => {
  const bits = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const values = toF32(bytesOf(bits), "F16");
  for (const half of bits)
    if (!Object.is(values[half], meaningOfF16(half))) assert.unreachable(`f16 0x${half.toString(16)}`);
  const back = toF16Bits(values);
  // A signalling NaN may come back quiet (bit 9 set): the conversion is arithmetic, not a copy.
  for (const half of bits) {
    const isNaNHalf = (half & 0x7c00) === 0x7c00 && (half & 0x3ff) !== 0;
    if (back[half] !== (isNaNHalf ? half | 0x200 : half)) assert.unreachable(`f16 0x${half.toString(16)}`);
  }
});

test("rounds f32 to the nearest f16, ties to even", () => {
  // 1 + 2^-11 lies half way between 1 (even) and 1 + 2^-10; 1 + 3·2^-11 between 1 + 2^-10 and 1 + 2^-9 (even).
  assert.equal(toF16(1, 1 + 2 ** -11, 1 + 2 ** -11 + 2 ** -20, 1 + 3 * 2 ** -11), [0x3c00, 0x3c00, 0x3c01, 0x3c02]);
  assert.equal(toF16(-2, 65504, 65519.99), [0xc000, 0x7bff, 0x7bff]);
});

test("overflows to infinity from half way past the largest f16", () => {
  const { POSITIVE_INFINITY, NEGATIVE_INFINITY } = Number;
  assert.equal(
    toF16(65520, -65520, 1e30, POSITIVE_INFINITY, NEGATIVE_INFINITY),
    [0x7c00, 0xfc00, 0x7c00, 0x7c00, 0xfc00],
  );
});

test("rounds among the subnormals, down to zero", () => {
  assert.equal(toF16(2 ** -24, 2 ** -25, 2 ** -25 * 1.0001, 3 * 2 ** -25, 2 ** -26), [1, 0, 1, 2, 0]);
  // Just below the smallest normal, 2^-14, rounding carries into the exponent.
  assert.equal(toF16(2 ** -14 - 2 ** -26, -1e-40, -0), [0x0400, 0x8000, 0x8000]);
});

test("agrees with rounding by arithmetic for any f32", () => {
  const nearest = (x: number): number => {
    const spacing = 2 ** (Math.max(Math.floor(Math.log2(Math.abs(x))), -14) - 10);
    const scaled = x / spacing;
    const down = Math.floor(scaled);
    const up = scaled - down > 0.5 || (scaled - down === 0.5 && down % 2 !== 0);
    return (up ? down + 1 : down) * spacing;
  };
  const inRange = fc.float({ min: -65504, max: 65504, noNaN: true, noDefaultInfinity: true });
  const small = inRange.map((x) => Math.fround(x * 2 ** -30));
  fc.assert(
    fc.property(fc.oneof(inRange, small), (x) => {
      if (x !== 0) assert.is(fromF16(...toF16(x))[0], nearest(x));
    }),
    { seed: 1, numRuns: 5000 },
  );
});

test("keeps a NaN a NaN", () => {
  assert.is(toF16(Number.NaN)[0]?.toString(16), "7e00");
  assert.equal(fromF16(0x7e01, 0x7c00, 0xfc00), [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
});

test("reads BF16 as the upper half of an f32", () => {
  const halves = Uint16Array.from([0x3f80, 0xc040, 0x0001, 0x7f80, 0x8000]);
  assert.equal([...toF32(bytesOf(halves), "BF16")], [1, -3, 2 ** -133, Number.POSITIVE_INFINITY, -0]);
});

test("reads F32 as it is and F64 rounded", () => {
  assert.equal([...toF32(bytesOf(Float32Array.from([1.5, -0.1])), "F32")], [1.5, Math.fround(-0.1)]);
  assert.equal(
    [...toF32(bytesOf(Float64Array.from([0.1, 1e300])), "F64")],
    [Math.fround(0.1), Number.POSITIVE_INFINITY],
  );
});

test("reads bytes that begin at an odd offset", () => {
  const odd = new Uint8Array(9);
  odd.set(bytesOf(Float32Array.from([1, 2])), 1);
  assert.equal([...toF32(odd.subarray(1), "F32")], [1, 2]);
  assert.equal([...toF32(odd.subarray(3, 9), "F16")].length, 3);
});

test("refuses bytes that are no whole number of elements", () => {
  assert.throws(() => toF32(new Uint8Array(6), "F32"), /toF32: 6 bytes given, but an F32 takes 4/);
});

test.run();
