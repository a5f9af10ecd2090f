// Host tensors, and the number functions that the references stand on.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { at } from "../../ir/errors.ts";
import { castNumber, forEachIndex, hostTensor, roundToF16, stridesOf } from "../../ir/tensor.ts";
import { erfNumber } from "../../ir/wgsl-helpers.ts";
import { decodeF16 } from "../support/tensors.ts";

const test = suite("tensor");

const LARGEST = 0x7bff;

test("every f16 rounds to itself", () => {
  for (let bits = 0; bits < 65536; bits++) {
    const x = decodeF16(bits);
    if (!Object.is(roundToF16(x), x)) assert.unreachable(`${x} becomes ${roundToF16(x)}`);
  }
});

test("what lies between two f16 rounds to the nearer one, and the middle to the even one", () => {
  for (let bits = 0; bits < LARGEST; bits++)
    for (const sign of [1, -1]) {
      const [low, high] = [sign * decodeF16(bits), sign * decodeF16(bits + 1)];
      // Exact: an f64 has 42 bits more than an f16.
      const middle = (low + high) / 2;
      const nudge = (high - low) * 2 ** -30;
      const even = bits % 2 === 0 ? low : high;
      const found = [middle - nudge, middle, middle + nudge].map(roundToF16);
      if (![low, even, high].every((y, i) => Object.is(y, found[i])))
        assert.unreachable(`around ${middle}: ${found.join(", ")} instead of ${low}, ${even}, ${high}`);
    }
});

test("an f16 overflows from the middle between its largest and the next power of two", () => {
  assert.is(roundToF16(65519.999), 65504);
  assert.is(roundToF16(65520), Number.POSITIVE_INFINITY);
  assert.is(roundToF16(-65520), Number.NEGATIVE_INFINITY);
  // Far beyond what an f32 holds, too.
  assert.is(roundToF16(1e300), Number.POSITIVE_INFINITY);
});

test("half of the smallest f16 or less becomes a zero of the same sign", () => {
  assert.ok(Object.is(roundToF16(2 ** -25), 0));
  assert.ok(Object.is(roundToF16(-(2 ** -25)), -0));
  assert.is(roundToF16(2 ** -25 * 1.001), 2 ** -24);
  assert.ok(Object.is(roundToF16(-1e-300), -0));
});

for (const [dtype, x, y] of [
  ["f32", 0.1, Math.fround(0.1)],
  ["f16", 0.1, 0.0999755859375],
  ["i32", 2.9, 2],
  ["i32", -2.9, -2],
  ["i32", 2 ** 31, -(2 ** 31)],
  ["i32", Number.NaN, 0],
  ["u32", 4.9, 4],
  ["u32", -1, 2 ** 32 - 1],
  ["bool", 0, 0],
  ["bool", -0, 0],
  ["bool", 0.1, 1],
  ["bool", Number.NaN, 1],
] as const)
  test(`${x} as ${dtype} is ${y}`, () => {
    assert.is(castNumber(x, dtype), y);
  });

// From mpmath with 30 digits, rounded to f64.
const ERF = [
  [1e-10, 1.1283791670955126e-10],
  [0.01, 0.011283415555849618],
  [0.1, 0.1124629160182849],
  [0.25, 0.27632639016823696],
  [0.5, 0.5204998778130465],
  [0.75, 0.7111556336535151],
  [1, 0.8427007929497149],
  [1.25, 0.9229001282564583],
  [1.5, 0.9661051464753108],
  [1.75, 0.9866716712191824],
  [1.9999, 0.9953201979070294],
  [2, 0.9953222650189527],
  [2.0001, 0.9953243313041966],
  [2.25, 0.9985372834133188],
  [2.5, 0.999593047982555],
  [3, 0.9999779095030014],
  [3.5, 0.9999992569016276],
  [4, 0.9999999845827421],
  [5, 0.9999999999984626],
] as const;

test("erf equals its table to 1e-14, relatively, on both sides of zero", () => {
  for (const [x, y] of ERF) {
    // The Maclaurin series loses up to two of f64's 15.9 digits before the other formula takes over at 2.
    assert.ok(Math.abs(erfNumber(x) / y - 1) < 1e-14, `erf(${x}) is ${erfNumber(x)}, not ${y}`);
    assert.is(erfNumber(-x), -erfNumber(x));
  }
});

test("erf is 0 at 0, 1 far out, and NaN of NaN", () => {
  assert.is(erfNumber(0), 0);
  assert.is(erfNumber(7), 1);
  assert.is(erfNumber(Number.NEGATIVE_INFINITY), -1);
  assert.ok(Number.isNaN(erfNumber(Number.NaN)));
});

test("strides are row-major, and a scalar has none", () => {
  assert.equal(stridesOf([2, 3, 5]), [15, 5, 1]);
  assert.equal(stridesOf([]), []);
});

test("indices come in row-major order, once each", () => {
  const seen: string[] = [];
  forEachIndex([2, 1, 3], (index, flat) => seen.push(`${index.join("")}:${flat}`));
  assert.equal(seen, ["000:0", "001:1", "002:2", "100:3", "101:4", "102:5"]);
});

test("a scalar has one index, and a tensor without elements none", () => {
  const count = (shape: readonly number[]) => {
    let n = 0;
    forEachIndex(shape, () => n++);
    return n;
  };
  assert.is(count([]), 1);
  assert.is(count([3, 0]), 0);
});

test("a host tensor needs as many elements as its shape has", () => {
  assert.throws(() => hostTensor("f32", [2, 3], [1, 2]), "tensor: 2 elements, but the shape is [2, 3]");
  assert.is(at(hostTensor("f32", [2], [1, 2]).data, 1), 2);
});

test.run();
