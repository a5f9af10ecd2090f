// The helpers that other tests lean on: a comparison that never fails would make them all worthless.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseType } from "../../ir/parse.ts";
import { type HostTensor, hostTensor } from "../../ir/tensor.ts";
import { assertClose, maxDifference, seededTensor } from "./tensors.ts";

const test = suite("test tensors");

const f32 = (...data: number[]): HostTensor => hostTensor("f32", [data.length], data);
const TIGHT = { rtol: 1e-3, atol: 1e-7 };

test("a seed gives the same numbers every time, and another seed others", () => {
  const type = parseType("f32[T, 5]");
  assert.equal(seededTensor(type, { T: 3 }, 1), seededTensor(type, { T: 3 }, 1));
  assert.ok(maxDifference(seededTensor(type, { T: 3 }, 1), seededTensor(type, { T: 3 }, 2)) > 0.5);
  assert.equal(seededTensor(type, { T: 3 }, 1).shape, [3, 5]);
});

test("seeded floats fill about [-2, 2], lean to one side, and are exact in their dtype", () => {
  const { data } = seededTensor(parseType("f32[4000]"), {}, 7);
  const mean = data.reduce((sum, x) => sum + x, 0) / data.length;
  assert.ok(Math.min(...data) >= -1.8 && Math.min(...data) < -1.7);
  assert.ok(Math.max(...data) <= 2.1 && Math.max(...data) > 2);
  // The mean of 4000 uniform numbers strays by 3.9 / √(12 · 4000) = 0.018 or so.
  assert.ok(Math.abs(mean - 0.15) < 0.07, `${mean}`);
  assert.ok(data.every((x) => Math.fround(x) === x));
});

test("seeded integers are 0, 1 and 2, and seeded bools both", () => {
  for (const dtype of ["i32", "u32"]) {
    const found = new Set(seededTensor(parseType(`${dtype}[50]`), {}, 1).data);
    assert.equal([...found].sort(), [0, 1, 2]);
  }
  assert.is(new Set(seededTensor(parseType("bool[50]"), {}, 1).data).size, 2);
});

test("a type with a symbol that has no value is refused", () => {
  assert.throws(() => seededTensor(parseType("f32[T]"), {}, 1), /f32\[T\] has a symbol without a value/);
});

test("the largest difference counts NaN and infinities as infinitely far from numbers, and as equal to themselves", () => {
  assert.is(maxDifference(f32(1, 2, -3), f32(1, 2.5, -4)), 1);
  assert.is(maxDifference(f32(Number.NaN, -Infinity), f32(Number.NaN, -Infinity)), 0);
  assert.is(maxDifference(f32(Number.NaN), f32(1)), Number.POSITIVE_INFINITY);
  assert.is(maxDifference(f32(Infinity), f32(-Infinity)), Number.POSITIVE_INFINITY);
  assert.is(maxDifference(f32(0), f32(-0)), 0);
});

test("close passes up to the bound, and no further", () => {
  assertClose(f32(100.09, 0), f32(100, 1e-8), TIGHT, "y");
  assert.throws(() => assertClose(f32(100.11), f32(100), TIGHT, "y"), /^y: element \[0\] is 100.11, but should be 100/);
});

test("a failure names the worst element, both values, the bound, and how many are outside", () => {
  const expected = hostTensor("f32", [2, 3], [1, 2, 3, 4, 5, 6]);
  const actual = hostTensor("f32", [2, 3], [1, 2.1, 3, 4, 5, 8]);
  assert.throws(
    () => assertClose(actual, expected, { rtol: 0, atol: 0.05 }, "matmul"),
    "matmul: element [1, 2] is 8, but should be 6: off by 2, and 0.05 is allowed (2 of 6 elements are outside)",
  );
});

test("the worst element is the one furthest beyond its own bound, also when bounds are 0", () => {
  assert.throws(
    () => assertClose(f32(1001.5, 0.1), f32(1000, 0), { rtol: 1e-3, atol: 1e-3 }, "y"),
    /element \[1\] is 0.1/,
  );
  assert.throws(() => assertClose(f32(1, 3), f32(0, 0), { rtol: 0, atol: 0 }, "y"), /element \[1\] is 3/);
});

test("NaN is close to NaN only, and another shape to nothing", () => {
  assertClose(f32(Number.NaN), f32(Number.NaN), TIGHT, "y");
  assert.throws(() => assertClose(f32(Number.NaN), f32(1), TIGHT, "y"), /is NaN, but should be 1/);
  assert.throws(() => assertClose(f32(1), f32(Number.NaN), TIGHT, "y"), /is 1, but should be NaN/);
  assert.throws(() => assertClose(f32(1e30), f32(Infinity), TIGHT, "y"), /should be Infinity/);
  assert.throws(() => assertClose(f32(1), f32(1, 2), TIGHT, "y"), "y: the shape is [1], but should be [2]");
});

test.run();
