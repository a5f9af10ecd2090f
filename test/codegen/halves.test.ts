// Halves that kernels write: in pairs where a machine has no type for one, and alone where it has.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileEntries } from "../../codegen/compile.ts";
import { type Target, targetByName } from "../../codegen/target.ts";
import { at } from "../../ir/errors.ts";
import { parseGraph } from "../../ir/parse.ts";
import type { HostTensor } from "../../ir/tensor.ts";
import type { SymbolValues } from "../../ir/type.ts";
import type { OpenDevice } from "../../runtime/device.ts";
import { onGpu } from "../support/gpu.ts";
import { ALL_PASSES, CHECKED_TARGETS, checkKernels } from "./kernel-check.ts";

const test = suite("halves");
const gpuTest = onGpu(test);

/** A GPU that reads and writes halves as such. */
const NATIVE: Target = targetByName("h100");
/** A unit of f16 in the last place, in those of f32: where two sums round to different sides. */
const ONE_HALF_ULP = 2 ** 14;

interface Case {
  readonly what: string;
  readonly text: string;
  readonly runs?: readonly SymbolValues[];
  readonly terms?: number;
  readonly given?: ReadonlyMap<string, HostTensor>;
}

const integers = (...data: readonly number[]): HostTensor => ({
  dtype: "i32",
  shape: [data.length],
  data: Float64Array.from(data),
});

const product = (rows: string, epilogue: string, results: string) =>
  `graph g[T, P](x: f32[${rows}, 68], weight w: f32[68, 96], state c: f16[40, 96]) { m = matmul(x, w) ${epilogue} return ${results} }`;
const ROWS = [
  { T: 3, P: 5 },
  { T: 19, P: 1 },
];

const WRITTEN: readonly Case[] = [
  {
    what: "a number alone",
    text: "graph g(x: f32[5, 6], state c: f16[9, 6]) { h = cast(x, to=f16) d = cache_update(c, h, start=3) return d }",
  },
  {
    what: "one row of a product",
    text: product("1", "h = cast(m, to=f16) d = cache_update(c, h, start=P)", "d"),
    runs: [{ P: 7 }],
    terms: 68,
  },
  {
    what: "three rows of a product",
    text: product("3", "h = cast(m, to=f16) d = cache_update(c, h, start=P)", "d"),
    runs: [{ P: 7 }],
    terms: 68,
  },
  {
    what: "rows of a product",
    text: product("T", "h = cast(m, to=f16) d = cache_update(c, h, start=P)", "d"),
    runs: ROWS,
    terms: 68,
  },
  {
    what: "some columns of a product, whose others are floats",
    text: `graph g[T, P](x: f32[T, 68], weight w: f32[68, 96], state c: f16[40, 64]) {
      m = matmul(x, w) q, k = split(m, axis=1, sizes=[32, 64]) h = cast(k, to=f16) d = cache_update(c, h, start=P) return q, d }`,
    runs: [...ROWS, { T: 1, P: 2 }],
    terms: 68,
  },
  {
    what: "columns that begin between two neighbours",
    text: `graph g[T, P](x: f32[T, 68], weight w: f32[68, 96], state c: f16[40, 64]) {
      m = matmul(x, w) q, k, r = split(m, axis=1, sizes=[31, 64, 1]) h = cast(k, to=f16) d = cache_update(c, h, start=P) return q, d, r }`,
    runs: ROWS,
    terms: 68,
  },
  {
    what: "rows that go where the data says",
    text: `graph g(x: f32[4, 68], weight w: f32[68, 96], slots: i32[4], state c: f16[40, 96]) {
      m = matmul(x, w) h = cast(m, to=f16) d = cache_write(c, h, slots) return d }`,
    given: new Map([["slots", integers(7, -1, 39, 0)]]),
    terms: 68,
  },
  {
    what: "pairs that are turned",
    text: `graph g[T, P](x: f32[T, 68], weight w: f32[68, 96], state c: f16[40, 96]) {
      m = matmul(x, w) p = reshape(m, shape=[T, 48, 2]) a = slice(p, axis=2, start=0, length=1) b = slice(p, axis=2, start=1, length=1)
      n = neg(b) t = concat(n, a, axis=2) f = reshape(t, shape=[T, 96]) h = cast(f, to=f16) d = cache_update(c, h, start=P) return d }`,
    runs: ROWS,
    terms: 68,
  },
  {
    what: "a value on its way to two readers",
    text: `graph g(x: f32[T, 8], w: f32[8, 8]) { h = cast(x, to=f16) f = cast(h, to=f32) y = matmul(f, w) z = reduce_sum(f) return y, z }`,
    runs: [{ T: 3 }],
    terms: 8,
  },
];

const attention = (rows: string, length: string, heads: number, shared: number) =>
  `graph g(query: f32[${rows}, ${8 * heads}], state c: f16[300, ${16 * shared}]) {
    f = cast(c, to=f32)
    keys = slice(f, axis=1, start=0, length=${8 * shared}) values = slice(f, axis=1, start=${8 * shared}, length=${8 * shared})
    y = scaled_dot_product_attention(query, keys, values, length=${length}, n_head=${heads}, n_kv_head=${shared}, scale=0.3, mask_value=-inf) return y }`;

const READ: readonly Case[] = [
  { what: "by the attention of one row", text: attention("1", "280", 3, 3), terms: 280 },
  { what: "by the attention of rows", text: attention("T", "T+250", 3, 3), runs: [{ T: 11 }], terms: 280 },
  { what: "by groups of heads", text: attention("T", "T+250", 6, 2), runs: [{ T: 5 }], terms: 280 },
  {
    what: "by parts of the keys",
    text: `graph g(query: f32[1, 24], state c: f16[300, 48]) {
      f = cast(c, to=f32) keys = slice(f, axis=1, start=0, length=24) values = slice(f, axis=1, start=24, length=24)
      y, z = attention_parts(query, keys, values, length=280, n_head=3, scale=0.3, parts=3) return y, z }`,
    terms: 280,
  },
  {
    what: "from pages",
    text: `graph g(query: f32[2, 24], state c: f16[80, 48], positions: i32[2], sequence: i32[2], pages: i32[10]) {
      p = reshape(pages, shape=[2, 5]) f = cast(c, to=f32)
      keys = slice(f, axis=1, start=0, length=24) values = slice(f, axis=1, start=24, length=24)
      y = paged_attention(query, keys, values, positions, sequence, p, n_head=3, page_size=16, scale=0.3) return y }`,
    given: new Map([
      ["positions", integers(70, 9)],
      ["sequence", integers(1, 0)],
      ["pages", integers(4, 0, 0, 0, 0, 3, 2, 1, 0, 4)],
    ]),
    terms: 70,
  },
];

/** The targets that tests run on, and where the adapter has a type for halves a GPU that uses it. */
const targetsOf = (gpu: OpenDevice): readonly Target[] => [
  ...CHECKED_TARGETS,
  ...(gpu.adapter.features.includes("shader-f16") ? [NATIVE] : []),
];

for (const [verb, cases, ulps] of [
  ["written", WRITTEN, ONE_HALF_ULP],
  ["read", READ, 64],
] as const)
  for (const { what, text, runs = [{}], terms = 1, given } of cases)
    gpuTest(`halves are ${verb}: ${what}`, async (gpu) => {
      for (const disable of [[], ALL_PASSES])
        await checkKernels(gpu, text, {
          targets: disable.length === 0 ? targetsOf(gpu) : CHECKED_TARGETS.slice(0, 1),
          runs,
          terms,
          ulps,
          disable,
          checkBounds: disable.length === 0,
          ...(given && { given }),
        });
    });

test("a cache of halves costs no step: it is written by the kernel that makes its rows, and read as it lies", () => {
  const { text } = WRITTEN[4] ?? { text: "" };
  for (const target of [...CHECKED_TARGETS, NATIVE])
    for (const graph of [text, attention("T", "T+250", 3, 3)].map((t) => parseGraph(t))) {
      const { plan } = compileEntries("g", [{ name: "run", graph, maxima: { T: 8, P: 8 } }], { target });
      assert.is(at(plan.entries, 0).steps.length, 1, `${target.name}: ${plan.kernels.map((k) => k.name).join()}`);
    }
});

test("a machine without a type for them stores rows of even length alone, and says so", () => {
  const graph = parseGraph(
    "graph g(x: f32[4, 5], state c: f16[9, 5]) { h = cast(x, to=f16) d = cache_update(c, h, start=0) return d }",
  );
  const compile = (target: Target) => compileEntries("g", [{ name: "run", graph }], { target });
  assert.throws(
    () => compile(targetByName("lavapipe")),
    /f16\[9, 5\], of which 2 neighbours are stored at a time, but element .* is stored alone/,
  );
  assert.is(compile(NATIVE).plan.requiredFeatures.join(), "shader-f16");
});

test("nothing is computed in halves, and none comes from or goes to a caller", () => {
  for (const text of [
    "graph g(x: f32[4, 4], state c: f16[4, 4]) { h = cast(x, to=f16) s = add(h, h) d = cache_update(c, s, start=0) return d }",
    "graph g(x: f16[4, 4]) { y = cast(x, to=f32) return y }",
    "graph g(x: f32[4, 4]) { y = cast(x, to=f16) return y }",
  ])
    assert.throws(
      () => compileEntries("g", [{ name: "run", graph: parseGraph(text) }]),
      /only weights and states may be stored as f16/,
    );
});

test.run();
