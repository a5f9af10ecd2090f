// Weights on their way: that they arrive whole from any type to any other, in parts too, in bounded memory.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { PlanWeight } from "../../base/plan.ts";
import { sliceRecipe, tensorRecipe, type WeightRecipe } from "../../base/recipe.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { FLOAT_DTYPES, type FloatDType, toF16Bits, toF32 } from "../../runtime/weights/convert.ts";
import { readMemory, type StoredTensor, type WeightSource } from "../../runtime/weights/source.ts";
import { streamWeights, type UploadTarget, uploadBytes } from "../../runtime/weights/stream-weights.ts";
import { rejects } from "../support/rejects.ts";

const test = suite("stream weights");

const MIB = 2 ** 20;
/** More than one chunk of the smallest type, and an odd number. */
const MANY = 2_500_001;

interface Stored {
  readonly shape: readonly number[];
  readonly dtype: FloatDType;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Numbers that f16 has, so that no type has to round. */
const values = (length: number): Float32Array<ArrayBuffer> =>
  new Float32Array(length).map((_, i) => ((i % 2039) - 1000) / 64);

function stored(shape: readonly number[], dtype: FloatDType): Stored {
  const numbers = values(shape.reduce((n, d) => n * d, 1));
  const view =
    dtype === "F32"
      ? numbers
      : dtype === "F64"
        ? new Float64Array(numbers)
        : dtype === "F16"
          ? toF16Bits(numbers)
          : new Uint16Array(numbers.buffer).filter((_, i) => i % 2 === 1);
  return { shape, dtype, bytes: new Uint8Array(view.buffer, view.byteOffset, view.byteLength) as Stored["bytes"] };
}

/** A source of tensors in memory, which counts reads under way. */
function sourceOf(tensors: Readonly<Record<string, Stored>>, reuses = true) {
  const count = { now: 0, most: 0 };
  const source: WeightSource = {
    place: "a test",
    tensors: new Map(
      Object.entries(tensors).map(([name, { shape, dtype, bytes }]): [string, StoredTensor] => [
        name,
        { name, shape, dtype, byteLength: bytes.byteLength },
      ]),
    ),
    async read(name, byteOffset, byteLength, into) {
      count.most = Math.max(count.most, ++count.now);
      await new Promise((resolve) => setImmediate(resolve));
      const bytes = readMemory(byteLength, reuses ? into : undefined);
      bytes.set(tensors[name]?.bytes.subarray(byteOffset, byteOffset + byteLength) ?? []);
      count.now--;
      return bytes;
    },
    async close() {},
  };
  return { source, count };
}

/** What arrives, and how many bytes were on their way at most. */
function targetOf(sizes: Readonly<Record<string, number>>) {
  const buffers = new Map(Object.entries(sizes).map(([name, size]) => [name, new Uint8Array(size)]));
  const way = { now: 0, most: 0 };
  const target: UploadTarget = {
    write(buffer, data, offset) {
      assert.is(offset % 4, 0);
      assert.is(data.byteLength % 4, 0);
      buffers.get(buffer)?.set(data, offset);
      way.now += data.byteLength;
      way.most = Math.max(way.most, way.now);
    },
    async finish() {
      const sent = way.now;
      await new Promise((resolve) => setImmediate(resolve));
      way.now -= sent;
    },
  };
  return { target, buffers, way };
}

const weight = (name: string, dtype: "f32" | "f16", shape: readonly number[], recipe?: WeightRecipe): PlanWeight => ({
  name,
  buffer: name,
  dtype,
  shape,
  ...(recipe && { recipe }),
});
const padded = (bytes: number): number => Math.ceil(bytes / 4) * 4;
const names = (...all: readonly string[]): ReadonlyMap<string, string> => new Map(all.map((name) => [name, name]));
const numbers = (bytes: Uint8Array<ArrayBuffer> | undefined, dtype: "f32" | "f16", length: number) =>
  toF32((bytes ?? new Uint8Array()).slice(0, length * (dtype === "f16" ? 2 : 4)), dtype === "f16" ? "F16" : "F32");
const sameNumbers = (a: Float32Array, b: Float32Array): boolean =>
  a.length === b.length && a.every((x, i) => x === b[i]);

for (const from of FLOAT_DTYPES)
  for (const to of ["f32", "f16"] as const)
    test(`${from} arrives as ${to}, in chunks, in memory that is used again`, async () => {
      const tensor = stored([MANY], from);
      const { source, count } = sourceOf({ x: tensor });
      const { target, buffers } = targetOf({ x: padded(MANY * (to === "f16" ? 2 : 4)) });
      const seen: number[] = [];
      const onProgress = ({ bytes, total }: { readonly bytes: number; readonly total: number }) =>
        seen.push(bytes / total);
      await streamWeights(target, [weight("x", to, [MANY])], source, names("x"), { onProgress });
      // BF16 keeps 8 bits of these numbers' 11.
      const want = from === "BF16" ? toF32(tensor.bytes, from) : values(MANY);
      assert.ok(sameNumbers(numbers(buffers.get("x"), to, MANY), want));
      assert.is(seen.at(-1), 1);
      assert.equal(seen, seen.toSorted());
      assert.ok(count.most >= 2 && count.most <= 3, `${count.most} reads under way`);
    });

test("as much is on its way to the GPU at most as it says", async () => {
  const all = Array.from({ length: 12 }, (_, i) => `x.${i}`);
  const tensor = stored([MANY], "F16");
  const { source } = sourceOf(Object.fromEntries(all.map((name) => [name, tensor])));
  const { target, way } = targetOf(Object.fromEntries(all.map((name) => [name, padded(2 * MANY)])));
  const weights = all.map((name) => weight(name, "f16", [MANY]));
  await streamWeights(target, weights, source, names(...all));
  assert.is(way.now, 0);
  const most = uploadBytes(12 * 2 * MANY);
  assert.ok(way.most <= most && way.most > most / 2, `${way.most} bytes on their way, but ${most} are said`);
});

test("a source with memory of its own is as good", async () => {
  const { source } = sourceOf({ x: stored([MANY], "F16") }, false);
  const { target, buffers } = targetOf({ x: padded(2 * MANY) });
  await streamWeights(target, [weight("x", "f16", [MANY])], source, names("x"));
  assert.ok(sameNumbers(numbers(buffers.get("x"), "f16", MANY), values(MANY)));
});

for (const dtype of ["F32", "F16"] as const)
  test(`parts of ${dtype} tensors get their rows, or their columns, as f16 and as f32`, async () => {
    const [rows, columns] = [1501, 1302];
    const tensors = { table: stored([rows, columns], dtype), matrix: stored([rows, columns], dtype) };
    const whole = values(rows * columns);
    const cut = 700;
    for (const to of ["f32", "f16"] as const) {
      const part = (name: string, axis: number, start: number, size: number) =>
        weight(
          `${name}.${start}`,
          to,
          axis === 0 ? [size, columns] : [rows, size],
          sliceRecipe(tensorRecipe(name, [rows, columns], to), axis, start, size),
        );
      const weights = [
        part("table", 0, 0, cut),
        part("table", 0, cut, rows - cut),
        part("matrix", 1, 0, cut),
        part("matrix", 1, cut, columns - cut),
      ];
      const { source } = sourceOf(tensors);
      const { target, buffers } = targetOf(
        Object.fromEntries(weights.map((w) => [w.name, padded(4 * w.shape.reduce((n, d) => n * d, 1))])),
      );
      await streamWeights(target, weights, source, names("table", "matrix"));
      for (const { name, shape } of weights) {
        const [height = 0, width = 0] = shape;
        const got = numbers(buffers.get(name), to, height * width);
        const start = Number(name.split(".")[1]);
        const [top, left] = name.startsWith("table") ? [start, 0] : [0, start];
        const want = Float32Array.from(
          { length: height * width },
          (_, i) => whole[(top + Math.floor(i / width)) * columns + left + (i % width)] ?? Number.NaN,
        );
        assert.ok(sameNumbers(got, want), `${name} as ${to}`);
      }
    }
  });

test("counts what f16 has no number for, unasked, and other infinities when asked", async () => {
  const large = Float32Array.of(1, 65504, 65520, -1e6, Number.NaN, 2, 3);
  const tensor: Stored = { shape: [7], dtype: "F32", bytes: new Uint8Array(large.buffer) };
  const load = async (to: "f32" | "f16", checkFinite: boolean) => {
    const { source } = sourceOf({ x: tensor });
    const { target } = targetOf({ x: 28 });
    return streamWeights(target, [weight("x", to, [7])], source, names("x"), { checkFinite });
  };
  assert.equal(await load("f16", false), [{ weight: "x", count: 3 }]);
  assert.equal(await load("f32", false), []);
  assert.equal(await load("f32", true), [{ weight: "x", count: 1 }]);
});

test("an error of the target or the source ends the upload", async () => {
  const { source } = sourceOf({ x: stored([MANY], "F16") });
  const { target } = targetOf({ x: padded(2 * MANY) });
  const weights = [weight("x", "f16", [MANY])];
  const lost = { ...target, finish: () => Promise.reject(new RuntimeError("gpu", "the device was lost")) };
  await rejects(streamWeights(lost, weights, source, names("x")), /the device was lost/);
  const broken = { ...source, read: () => Promise.reject(new RuntimeError("disk", "the disk broke")) };
  await rejects(streamWeights(target, weights, broken, names("x")), /the disk broke/);
});

test("says how much is on its way at most: all of a small model", () => {
  assert.is(uploadBytes(1000), 1000);
  assert.ok(uploadBytes(2 ** 40) <= 64 * MIB);
});

test.run();
