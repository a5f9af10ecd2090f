import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { GPT2_INITIALISATION } from "../../ir/models/gpt2/checkpoint.ts";
import { toBf16Bits, toF16Bits, toF32 } from "../../runtime/weights/convert.ts";
import { openRandomWeights as open, type RandomTensor } from "../../runtime/weights/random.ts";
import {
  normalTable,
  RANDOM_DTYPES,
  type RandomDType,
  shareBelow,
  upperBorder,
} from "../../runtime/weights/random-values.ts";

/** As GPT-2's are before training. */
const openRandomWeights = (tensors: Parameters<typeof open>[0], seed: number, dtype: Parameters<typeof open>[2]) =>
  open(tensors, seed, dtype, GPT2_INITIALISATION);

const test = suite("random weights");

const WTE: RandomTensor = { name: "wte.weight", shape: [512, 512] };
/** Of each kind one, in a model of four layers. */
const MODEL: readonly RandomTensor[] = [
  WTE,
  { name: "wpe.weight", shape: [512, 512] },
  { name: "h.0.ln_1.weight", shape: [64] },
  { name: "h.0.ln_1.bias", shape: [40_000] },
  { name: "h.0.attn.c_attn.weight", shape: [512, 512] },
  { name: "h.3.attn.c_proj.weight", shape: [512, 512] },
  { name: "h.3.mlp.c_proj.weight", shape: [512, 512] },
  { name: "h.3.mlp.c_proj.bias", shape: [40_000] },
];
const STDS = [0.02, 0.01, ...Array.from({ length: 100 }, (_, i) => 0.02 / Math.sqrt(2 * (i + 1)))];

interface Wanted {
  readonly tensors?: readonly RandomTensor[];
  readonly seed?: number;
  readonly dtype?: RandomDType;
}

async function bytesOf(name: string, { tensors = MODEL, seed = 1, dtype = "F32" }: Wanted = {}) {
  const source = openRandomWeights(tensors, seed, dtype);
  return source.read(name, 0, source.tensors.get(name)?.byteLength ?? 0);
}

const valuesOf = async (name: string, wanted: Wanted = {}): Promise<Float32Array> =>
  toF32(await bytesOf(name, wanted), wanted.dtype ?? "F32");

/** The mean of `f` over the values. */
function mean(values: Float32Array, f: (x: number, i: number) => number = (x) => x): number {
  let sum = 0;
  values.forEach((x, i) => {
    sum += f(x, i);
  });
  return sum / values.length;
}

/** How many standard errors the correlation of two independent sequences may be away from 0. */
const SIGMAS = 5;
function correlation(a: Float32Array, b: Float32Array): number {
  return mean(a, (x, i) => x * (b[i] ?? 0)) / Math.sqrt(mean(a, (x) => x * x) * mean(b, (x) => x * x));
}

test("gives the same bytes for the same seed, and others for another", async () => {
  assert.equal(await bytesOf("wte.weight"), await bytesOf("wte.weight"));
  for (const seed of [0, 2, 2 ** 32 - 1])
    assert.ok(
      Math.abs(correlation(await valuesOf("wte.weight"), await valuesOf("wte.weight", { seed }))) < SIGMAS / 512,
    );
});

// A second implementation, in another language and with its library's erfc for the table, gives them too.
test("gives the values that it gave when this test was written", async () => {
  const steps = (await valuesOf("wte.weight")).slice(0, 8).map((x) => x * 2 ** 14);
  assert.equal([...steps], [161, -47, 278, -95, 63, -254, -106, 133]);
});

test("gives a tensor the same values whatever stands beside it", async () => {
  const alone = await bytesOf("wte.weight", { tensors: [WTE] });
  assert.equal(alone, await bytesOf("wte.weight", { tensors: MODEL.toReversed() }));
});

test("has the mean, spread and tails of the normal distribution that GPT-2 begins with", async () => {
  const residual = 0.02 / Math.sqrt(8);
  for (const [name, std] of [
    ["wte.weight", 0.02],
    ["wpe.weight", 0.01],
    ["h.0.attn.c_attn.weight", 0.02],
    ["h.3.attn.c_proj.weight", residual],
    ["h.3.mlp.c_proj.weight", residual],
    ["h.0.ln_1.bias", 0.01],
    ["h.3.mlp.c_proj.bias", 0.01],
  ] as const) {
    const values = await valuesOf(name);
    const n = values.length;
    const variance = mean(values, (x) => x * x);
    const kurtosis = mean(values, (x) => x ** 4) / variance ** 2;
    // The standard errors of mean, deviation and kurtosis are σ/√n, σ/√2n and √(24/n). The table ends at 4.3 σ, which
    // takes 0.003 from the kurtosis; rounding to steps of 2^-14 adds less than 0.1 % to σ.
    assert.ok(Math.abs(mean(values)) < (SIGMAS * std) / Math.sqrt(n), `${name}: mean ${mean(values)}`);
    assert.ok(Math.abs(Math.sqrt(variance) / std - 1) < SIGMAS / Math.sqrt(2 * n) + 0.001, `${name}: ${variance}`);
    assert.ok(Math.abs(kurtosis - 3) < SIGMAS * Math.sqrt(24 / n) + 0.003, `${name}: kurtosis ${kurtosis}`);
  }
});

test("makes every gain of a layer norm 1", async () => {
  for (const dtype of RANDOM_DTYPES)
    assert.ok(
      (await valuesOf("h.0.ln_1.weight", { dtype })).every((x) => x === 1),
      dtype,
    );
});

test("has no pattern within a tensor or between two", async () => {
  const [a, b] = [await valuesOf("h.3.attn.c_proj.weight"), await valuesOf("h.3.mlp.c_proj.weight")];
  const limit = SIGMAS / Math.sqrt(a.length);
  assert.ok(Math.abs(correlation(a, b)) < limit);
  // Elements of one word, of neighbouring words, of neighbouring rows, and as far apart as low bits take to repeat.
  for (const lag of [1, 2, 3, 4, 256, 512, 1024, 2 ** 16, 2 ** 17])
    assert.ok(
      Math.abs(correlation(a.subarray(lag), a.subarray(0, -lag))) < limit * Math.sqrt(a.length / (a.length - lag)),
      `lag ${lag}`,
    );
  const wide = await valuesOf("wte.weight");
  const windows = [a, b, wide].flatMap((v) =>
    Array.from({ length: v.length / 8 }, (_, i) => v.subarray(8 * i, 8 * i + 8)),
  );
  assert.is(new Set(windows.map(String)).size, windows.length, "eight values in a row stand somewhere else too");
});

test("reads any range, also one that cuts elements, as the whole has it", async () => {
  for (const dtype of RANDOM_DTYPES) {
    const source = openRandomWeights(MODEL, 3, dtype);
    for (const name of ["wpe.weight", "h.0.ln_1.weight"]) {
      const whole = await source.read(name, 0, source.tensors.get(name)?.byteLength ?? 0);
      const range = fc.tuple(fc.nat(whole.length), fc.nat({ max: 100 }));
      await fc.assert(
        fc.asyncProperty(range, async ([at, most]) => {
          const length = Math.min(most, whole.length - at);
          assert.equal(await source.read(name, at, length), whole.slice(at, at + length));
        }),
        { seed: 1, numRuns: 200 },
      );
    }
  }
});

test("fills memory that begins anywhere", async () => {
  const source = openRandomWeights(MODEL, 3, "F32");
  const memory = new Uint8Array(103);
  source.fill("wte.weight", 40, memory.subarray(3));
  assert.equal(memory.slice(3), await source.read("wte.weight", 40, 100));
});

test("reaches the end of a tensor that is larger than any memory", async () => {
  const tensors = [{ name: "wte.weight", shape: [2 ** 33, 4] }];
  const source = openRandomWeights(tensors, 1, "F16");
  const size = source.tensors.get("wte.weight")?.byteLength ?? 0;
  assert.is(size, 2 ** 36);
  const end = await source.read("wte.weight", size - 16, 16);
  assert.equal(await source.read("wte.weight", size - 15, 14), end.slice(1, 15));
});

test("holds the same numbers as f16 and as f32, and as bf16 their nearest", async () => {
  for (const { name } of MODEL) {
    const values = await valuesOf(name);
    assert.equal(await valuesOf(name, { dtype: "F16" }), values, name);
    const rounded = new Uint8Array(toBf16Bits(values).buffer);
    assert.equal(await bytesOf(name, { dtype: "BF16" }), rounded, name);
  }
});

test("makes no value that f16 would round or hold as a subnormal", () => {
  for (const table of STDS.map(normalTable)) {
    const back = toF32(new Uint8Array(toF16Bits(table).buffer), "F16");
    assert.ok(table.every((x, i) => x === back[i] && (x === 0 || Math.abs(x) >= 2 ** -14)));
  }
});

test("has a table that is ascending and its own mirror image", () => {
  for (const table of STDS.map(normalTable)) {
    assert.ok(table.every((x, i) => i === 0 || x >= (table[i - 1] ?? 0)));
    assert.ok(table.every((x, i) => x + (table[65535 - i] ?? Number.NaN) === 0));
  }
});

test("rounds its table's borders where no machine's last digit matters", () => {
  // A border's place among the 65,536 entries, before rounding, is never near half a number. Its own error is below 1e-8:
  // the largest terms of the series are about 300, an f64 has 16 digits.
  let nearest = 1;
  for (const std of STDS)
    for (let k = 0; ; k++) {
      const place = 65536 * shareBelow(upperBorder(k, std));
      if (place > 65536 - 0.25) break;
      nearest = Math.min(nearest, Math.abs(place - Math.floor(place) - 0.5));
    }
  assert.ok(nearest > 1e-7, `${nearest}`);
});

test("agrees with tabulated shares of the normal distribution", () => {
  for (const [z, share] of [
    [1, 0.8413447460685429],
    [2, 0.9772498680518208],
    [3, 0.9986501019683699],
    [4.3, 0.999991460094529],
  ] as const)
    assert.ok(Math.abs(shareBelow(z) - share) < 1e-12, `${z}: ${shareBelow(z)}`);
});

test("refuses a seed, a shape or a name that it can't use, and a range outside a tensor", async () => {
  assert.throws(() => openRandomWeights(MODEL, 2 ** 32, "F32"), /seed: is 4294967296, but must be a whole number/);
  assert.throws(() => openRandomWeights(MODEL, 0.5, "F32"), /seed: is 0\.5/);
  assert.throws(() => openRandomWeights([...MODEL, WTE], 1, "F32"), /seed 1 wte\.weight: is given twice/);
  assert.throws(() => openRandomWeights([{ name: "a", shape: [2, -1] }], 1, "F32"), /a: has the shape \[2, -1\]/);
  const source = openRandomWeights(MODEL, 1, "F32");
  const error = await source.read("wte.weigth", 0, 4).catch((e) => e);
  assert.match(error.message, /holds no tensor/);
  assert.throws(() => source.fill("h.0.ln_1.weight", 252, new Uint8Array(8)), /the tensor has 256 bytes/);
});

test("rounds f32 to the nearest bf16, ties to even, and keeps a NaN one", () => {
  const { POSITIVE_INFINITY, MAX_VALUE, NaN: NAN } = Number;
  const bits = (...values: number[]) => [...toBf16Bits(Float32Array.from(values))];
  // 1 + 2^-8 lies half way between 1 (even) and 1 + 2^-7; 1 + 3·2^-8 between 1 + 2^-7 and 1 + 2^-6 (even).
  assert.equal(bits(1, 1 + 2 ** -8, 1 + 2 ** -8 + 2 ** -20, 1 + 3 * 2 ** -8), [0x3f80, 0x3f80, 0x3f81, 0x3f82]);
  assert.equal(bits(-2, 0, -0, POSITIVE_INFINITY, -MAX_VALUE, 3.4e38), [0xc000, 0, 0x8000, 0x7f80, 0xff80, 0x7f80]);
  assert.equal(
    bits(NAN).map((b) => (b & 0x7fff) > 0x7f80),
    [true],
  );
  // A NaN whose payload lies in the lower half alone would become an infinity if it were cut.
  assert.equal([...toBf16Bits(new Float32Array(Uint32Array.of(0x7f800001).buffer))], [0x7fc0]);
});

test.run();
