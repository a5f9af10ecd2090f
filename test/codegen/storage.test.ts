// Weights lie in storages that kernels know nothing of: what takes a weight of f16 takes one of a user's storage, and computes the
// reference's numbers with it; what is loaded is accounted for; no kernel's file speaks of one.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { weightBytesRead } from "../../base/plan.ts";
import { compileEntries, definePlugin, extend, standard, type Toolkit } from "../../codegen/compile.ts";
import { demandOf } from "../../codegen/cost.ts";
import { rankKernels } from "../../codegen/rank-kernels.ts";
import { renderShader } from "../../codegen/render-shader.ts";
import { candidates } from "../../codegen/select-kernel.ts";
import type { Storage } from "../../codegen/storage.ts";
import { type Target, targetByName } from "../../codegen/target.ts";
import { at } from "../../ir/errors.ts";
import { parseGraph } from "../../ir/parse.ts";
import { onGpu } from "../support/gpu.ts";
import { blocksFor, withBlocks, withPackedBlocks } from "../support/packed-blocks.ts";
import { codesFor, dequantizeInt8, int8, withCodes, withPackedCodes } from "../support/packed-codes.ts";
import { CHECKED_TARGETS, checkKernels } from "./kernel-check.ts";
import { matmul, normalized, transposed } from "./kernel-texts.ts";

const test = suite("storage");
const gpuTest = onGpu(test);

const FEATURE = "chromium-experimental-subgroup-matrix";
const lavapipe = targetByName("lavapipe");
/** A software adapter and a GPU, whose kernels differ, with every feature. */
const EVERY_FEATURE: readonly Target[] = [lavapipe, targetByName("rtx-4060")].map((target) => ({
  ...target,
  features: [...target.features, FEATURE],
}));

const MATMULS = [
  matmul("1", 66, 96),
  matmul("T", 64, 96),
  transposed("1", 96, 33),
  transposed("T", 96, 33),
  transposed("3", 96, 33),
  normalized(66, 96),
  matmul("3", 66, 96),
  normalized(66, 96, 3),
  matmul("1", 66, 96).replace("matmul(x, w)", "matmul_parts(x, w, parts=3)"),
  normalized(66, 96, 1, 3),
];

/** The kernels that take the one node which the passes make of a graph, of any target. */
function takers(text: string, toolkit: Toolkit, weights: "f32" | "f16"): readonly string[] {
  const graph = parseGraph(text, toolkit);
  const names = EVERY_FEATURE.flatMap((target) => {
    const entry = { name: "run", graph, maxima: { T: 40 } };
    const { fused } = at(compileEntries("g", [entry], { target, toolkit, weights }).entries, 0);
    assert.is(fused.nodes.length, 1, `${text} for ${target.name}`);
    return candidates(at(fused.nodes, 0), target, toolkit)
      .filter((c) => c.configs.length > 0)
      .map((c) => c.kernel.name);
  });
  return [...new Set(names)];
}

test("every kernel that takes a weight of f16 takes one of packed codes, and fuses what reads it", () => {
  const all = new Set<string>();
  for (const text of MATMULS) {
    const known = takers(text.replace("w: f32", "weight w: f32"), standard, "f16");
    for (const bits of [8, 4] as const) assert.equal(takers(withCodes(text, bits, 32), withPackedCodes, "f32"), known);
    assert.equal(takers(withBlocks(text), withPackedBlocks, "f32"), known);
    for (const name of known) all.add(name);
  }
  const matmuls = standard.kernels.filter((k) => k.name.startsWith("matmul_")).map((k) => k.name);
  assert.equal([...all].sort(), matmuls.sort());
});

/** Groups of 12 take loads of 4 alone, and those of 8 loads of 8; one scale for a row is a group as well. */
const NUMBERS = [
  { bits: 8, group: 32 },
  { bits: 8, group: 12 },
  { bits: 4, group: undefined },
  { bits: 4, group: 8 },
] as const;

for (const { bits, group } of NUMBERS)
  for (const text of MATMULS)
    gpuTest(
      `int${bits} in groups of ${group ?? "a row"}, ${text.split("{")[0]?.trim()}: each kernel gives the reference's numbers`,
      async (gpu) => {
        const graph = parseGraph(withCodes(text, bits, group), withPackedCodes);
        // A code times its scale is rounded once more than an f16 is, by half a unit of its own size: less than what the sum may be off by.
        await checkKernels(gpu, graph, {
          toolkit: withPackedCodes,
          given: codesFor(graph),
          terms: 96,
          runs: [{ T: 5 }, { T: 19 }],
        });
      },
    );

for (const text of [...MATMULS, "graph lookup(w: f32[9, 64], ids: i32[T]) { y = gather(w, ids) return y }"])
  gpuTest(
    `blocks of scale and codes, ${text.split("{")[0]?.trim()}: each kernel gives the reference's numbers`,
    async (gpu) => {
      const graph = parseGraph(withBlocks(text), withPackedBlocks);
      await checkKernels(gpu, graph, {
        toolkit: withPackedBlocks,
        given: blocksFor(graph),
        terms: 96,
        runs: [{ T: 5 }],
        checkBounds: true,
      });
    },
  );

const OTHERS: readonly (readonly [what: string, text: string])[] = [
  ["a lookup", "graph g(w: f32[9, 16], ids: i32[T]) { y = gather(w, ids) return y }"],
  ["a sum of a row", "graph g(w: f32[9, 16]) { y = reduce_sum(w, axis=1) return y }"],
  [
    "what stands behind a product",
    "graph g(x: f32[T, 5], v: f32[5, 16], w: f32[1, 16]) { m = matmul(x, v) y = add(m, w) return y }",
  ],
  ["rows that are normalised", "graph g(w: f32[9, 16], a: f32[16], b: f32[16]) { y = layer_norm(w, a, b) return y }"],
  ["alone", "graph g(w: f32[9, 16]) { y = neg(w) return y }"],
  [
    "the queries of an attention",
    `graph g(w: f32[3, 16], keys: f32[9, 16], values: f32[9, 16]) {
      y = scaled_dot_product_attention(w, keys, values, length=9, n_head=2, scale=0.3, mask_value=-inf) return y }`,
  ],
  [
    "the keys of an attention",
    `graph g(q: f32[3, 16], w: f32[9, 16], values: f32[9, 16]) {
      y = scaled_dot_product_attention(q, w, values, length=9, n_head=2, scale=0.3, mask_value=-inf) return y }`,
  ],
];
for (const [what, text] of OTHERS)
  gpuTest(`packed codes are ${what}`, async (gpu) => {
    for (const [bits, disable] of [
      [8, []],
      [4, ["fuse-pointwise"]],
    ] as const) {
      const graph = parseGraph(withCodes(text, bits, 8), withPackedCodes);
      await checkKernels(gpu, graph, {
        toolkit: withPackedCodes,
        given: codesFor(graph),
        terms: 16,
        // Softmax multiplies the error of a score by its size, which is up to 127 · 2 here.
        ulps: 4 * 256,
        runs: [{ T: 5 }],
        disable,
        targets: CHECKED_TARGETS.slice(0, 1),
        checkBounds: true,
      });
    }
  });

/** Of the one entry point of a graph. */
const entryOf = (text: string, toolkit = withPackedCodes, target = lavapipe) => {
  const graph = parseGraph(text, toolkit);
  const made = compileEntries("g", [{ name: "run", graph, maxima: { T: 40 } }], { toolkit, target });
  return { plan: made.plan, entry: at(made.plan.entries, 0), node: at(at(made.entries, 0).fused.nodes, 0) };
};

test("what a call reads of weights is codes and scales, and of a table those of its rows", () => {
  const product = entryOf(withCodes(matmul("1", 66, 96), 8, 32)).entry;
  assert.is(weightBytesRead(product, {}), 66 * (96 + 4 * 3));
  const half = entryOf(withCodes(matmul("1", 66, 96), 4, 32)).entry;
  assert.is(weightBytesRead(half, {}), 66 * (96 / 2 + 4 * 3));
  const lookup = entryOf(withCodes("graph g(w: f32[99, 16], ids: i32[T]) { y = gather(w, ids) return y }", 8, 8)).entry;
  assert.is(weightBytesRead(lookup, { T: 7 }), 7 * (16 + 4 * 2));
  const table = withBlocks("graph g(w: f32[99, 64], ids: i32[T]) { y = gather(w, ids) return y }");
  assert.is(weightBytesRead(entryOf(table, withPackedBlocks).entry, { T: 7 }), 7 * 2 * 4 * 9);
});

test("a prediction counts the words and scales that loads move, and every code that is unpacked", () => {
  const { node } = entryOf(withCodes(matmul("1", 64, 96), 8, 32));
  for (const chosen of rankKernels(node, lavapipe, {}, withPackedCodes)) {
    const shader = renderShader(chosen, node, lavapipe, undefined, withPackedCodes);
    const { memoryBytes, unpacked } = demandOf(shader, {});
    assert.is(memoryBytes, 64 * (96 + 4 * 3) + 4 * (64 + 96), chosen.kernel.name);
    assert.ok(unpacked >= 64 * 96, chosen.kernel.name);
    if (chosen.kernel.name !== "matmul_gemv_vectorized") continue;
    const [codes, scales] = shader.account?.({}).traffic ?? [];
    assert.equal([codes?.bytes, scales?.bytes], [16, 4]);
    assert.is(codes?.loads, scales?.loads);
  }
});

test("a shader enables the features that its storage reads by, where the target has them", () => {
  const reading: Storage = { ...int8, features: ({ features }) => features.filter((f) => f === "subgroups") };
  const toolkit = extend(standard, definePlugin({ name: "p", ops: [dequantizeInt8], storages: [reading] }));
  const featuresFor = (target: Target) => {
    const { plan } = entryOf(withCodes(matmul("1", 66, 96), 8, 32), toolkit, target);
    return [plan.requiredFeatures, /^enable subgroups;$/m.test(at(plan.kernels, 0).wgsl)];
  };
  assert.equal(featuresFor(lavapipe), [["subgroups"], true]);
  assert.equal(featuresFor(targetByName("webgpu-default")), [[], false]);
});

test("no kernel's file speaks of how a weight lies", () => {
  const folder = fileURLToPath(new URL("../../codegen/kernels/", import.meta.url));
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((f) => /\.(ts|hbs)$/.test(f));
  assert.ok(files.length > 30);
  for (const file of files) {
    const said = /\b\w*(?:f16|half|halves|int8|int4|unpack|vec[24]h|mat2x4)\w*/i.exec(
      readFileSync(folder + file, "utf8"),
    );
    assert.is(said, null, `${file} says ${said?.[0]}`);
  }
});

test.run();
