// Kernels' configurations: each gives the reference's numbers, and loads and stores as often as its kernel accounts for.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileEntries, standard, type Toolkit } from "../../codegen/compile.ts";
import { instrumentPlan } from "../../codegen/instrument.ts";
import type { Kernel } from "../../codegen/kernel.ts";
import { renderShader } from "../../codegen/render-shader.ts";
import { candidates, selectKernel } from "../../codegen/select-kernel.ts";
import { shaderNeeds } from "../../codegen/shader-needs.ts";
import { type Config, combinations } from "../../codegen/space.ts";
import { type Target, targetByName } from "../../codegen/target.ts";
import { at } from "../../ir/errors.ts";
import type { Graph, Node } from "../../ir/graph.ts";
import { interpret } from "../../ir/interpret.ts";
import { parseGraph } from "../../ir/parse.ts";
import type { HostTensor } from "../../ir/tensor.ts";
import type { SymbolValues } from "../../ir/type.ts";
import { Executor } from "../../runtime/executor.ts";
import { countedAccesses, startCounting } from "../support/count-accesses.ts";
import { onGpu } from "../support/gpu.ts";
import { blocksFor, withBlocks, withPackedBlocks } from "../support/packed-blocks.ts";
import { codesFor, withCodes, withPackedCodes } from "../support/packed-codes.ts";
import { assertClose, seededTensor } from "../support/tensors.ts";
import { coveringConfigs } from "./kernel-configs.ts";
import { matmul, normalized, transposed } from "./kernel-texts.ts";

const test = suite("spaces");
const gpuTest = onGpu(test);
const TARGETS = [targetByName("webgpu-default"), targetByName("lavapipe")];

const attention = (rows: string, length: string, shared = 3) =>
  `graph g(query: f32[${rows}, 24], keys: f32[300, ${8 * shared}], values: f32[300, ${8 * shared}]) {
    y = scaled_dot_product_attention(query, keys, values, length=${length}, n_head=3, n_kv_head=${shared}, scale=0.3, mask_value=-inf) return y }`;

type Given = (graph: Graph) => ReadonlyMap<string, HostTensor>;
const CASES: readonly (readonly [text: string, symbols?: SymbolValues, toolkit?: Toolkit, given?: Given])[] = [
  [
    "graph g(x: f32[T, 7], z: f32[7]) { y = fused pointwise(x, z) { a = add(x, z) y = tanh(a) return y } return y }",
    { T: 19 },
  ],
  ["graph g(x: f32[5, 70]) { y = reduce_sum(x, axis=1) return y }"],
  ["graph g(x: f32[5, 70]) { y = argmax(x, axis=1) return y }"],
  ["graph g(x: f32[T, 70], w: f32[70], b: f32[70]) { y = layer_norm(x, w, b) return y }", { T: 9 }],
  [attention("1", "280")],
  [attention("T", "T+250"), { T: 11 }],
  [attention("1", "280", 1)],
  [attention("T", "T+250", 1), { T: 11 }],
  [
    "graph g(m: f32[3, 2, 24], s: f32[3, 2, 3, 2]) { y = attention_merge(m, s) return y }",
    {},
    standard,
    // A part's weights add up to 1 or more.
    () =>
      new Map([
        ["s", { dtype: "f32", shape: [3, 2, 3, 2], data: Float64Array.from({ length: 36 }, (_, i) => 1 + (i % 7)) }],
      ]),
  ],
  [
    `graph g(query: f32[1, 24], keys: f32[300, 24], values: f32[300, 24]) {
      y, z = attention_parts(query, keys, values, length=280, n_head=3, scale=0.3, parts=3) return y, z }`,
  ],
  ["graph g(x: f32[3, 300]) { y = argmax(x) return y }"],
  [
    `graph g(logits: f32[1, 300], settings: f32[5], suppressed: u32[10], sequence: i32[4]) {
      y = sample_token_parts(logits, settings, suppressed, sequence, step=2, parts=7) return y }`,
    {},
    standard,
    // No penalty, for which the sequence is read.
    () => new Map([["settings", { dtype: "f32", shape: [5], data: Float64Array.of(0.8, 5, 0.9, 0.01, 1) }]]),
  ],
  [matmul("1", 67, 45)],
  [matmul("1", 66, 132)],
  [matmul("T", 68, 260), { T: 21 }],
  [matmul("3", 66, 132)],
  [matmul("8", 256, 96)],
  ["graph g(x: f32[1, 132], w: f32[132, 96]) { y = matmul_parts(x, w, parts=4) return y }"],
  ["graph g(x: f32[2, 270], w: f32[270, 44]) { y = matmul_parts(x, w, parts=2) return y }"],
  [transposed("1", 68, 45)],
  [transposed("T", 68, 45), { T: 21 }],
  [transposed("3", 68, 45)],
  [normalized(65, 44)],
  // What only some columns go through is stored, and loaded, for those alone.
  [
    "graph g(a: f32[1, 64], b: f32[64, 96], c: f32[64]) { m = matmul(a, b) x, z = split(m, axis=1, sizes=[32, 64]) y = add(z, c) return x, y }",
  ],
  [
    "graph g(a: f32[T, 64], b: f32[64, 96]) { m = matmul(a, b) x, y = split(m, axis=1, sizes=[32, 64]) return x, y }",
    { T: 21 },
  ],
  [normalized(66, 132)],
  [normalized(66, 132, 3)],
  [
    "graph g(x: f32[1, 132], g: f32[132], w: f32[132, 96]) { n = rms_norm(x, g) y = matmul_parts(n, w, parts=2) return y }",
  ],
  // Weights in two buffers, of which a load takes a vector of words and a scale.
  [withCodes(matmul("1", 66, 96), 8, 32), {}, withPackedCodes],
  [withCodes(matmul("T", 68, 96), 4, 32), { T: 21 }, withPackedCodes],
  [withCodes(transposed("1", 96, 45), 4, 32), {}, withPackedCodes],
  [withCodes(transposed("T", 96, 45), 8, 32), { T: 21 }, withPackedCodes],
  // In one buffer, of which a load takes several words.
  [withBlocks(matmul("1", 66, 96)), {}, withPackedBlocks, blocksFor],
];

for (const [text, symbols = {}, toolkit = standard, given = codesFor] of CASES)
  gpuTest(`${text.replace(/\s+/g, " ")}: every configuration, in numbers and counts`, async (gpu) => {
    const graph = parseGraph(text, toolkit);
    const inputs = new Map([
      ...graph.inputs.map(({ value }, i) => [value.name, seededTensor(value.type, symbols, i + 1)] as const),
      ...given(graph),
    ]);
    const expected = interpret(graph, inputs, symbols);
    const seen = new Set<string>();
    for (const target of TARGETS)
      for (const { kernel, config, node } of takers(graph, target, symbols, seen, toolkit)) {
        const place = `${kernel.name} with ${JSON.stringify(config)} for ${target.name}`;
        const compiled = compileEntries("g", [{ name: "run", graph, maxima: symbols }], {
          target,
          toolkit,
          kernelFor: (n, t) =>
            n.op === node.op && n.anchor === node.anchor ? { kernel, config } : selectKernel(n, t, toolkit),
        });
        const { plan, steps } = instrumentPlan(compiled);
        const executor = await Executor.create(gpu, plan);
        try {
          for (const [name, { data, dtype }] of inputs)
            executor.write(name, dtype === "f32" ? Float32Array.from(data) : Uint32Array.from(data));
          startCounting(executor, steps, symbols);
          executor.run("run", symbols);
          const [result, output] = [at(expected, 0), at(executor.entry("run").outputs, 0)];
          const made = await executor.read(output, symbols);
          const terms = 2 * Math.sqrt(1024) * 2 ** -24 * Math.max(...result.data.map(Math.abs));
          assertClose({ ...result, data: Float64Array.from(made) }, result, { rtol: 1e-5, atol: terms }, place);

          const counted = await countedAccesses(executor, at(steps, 0), symbols);
          const { account } = renderShader({ kernel, config }, node, target, undefined, toolkit);
          assert.ok(account, `${place} accounts for its work`);
          for (const { binding, loads, stores } of account?.(symbols).traffic ?? []) {
            assert.is(counted.get(`read ${binding.name}`) ?? 0, loads, `${place}: loads of ${binding.name}`);
            assert.is(counted.get(`write ${binding.name}`) ?? 0, stores, `${place}: stores of ${binding.name}`);
          }
        } finally {
          executor.destroy();
        }
      }
  });

interface Taker {
  readonly kernel: Kernel;
  readonly config: Config;
  readonly node: Node;
}

/** What computes the last node of what the passes make of a graph. */
function takers(
  graph: Graph,
  target: Target,
  maxima: SymbolValues,
  seen: Set<string>,
  toolkit: Toolkit,
): readonly Taker[] {
  const { fused } = at(compileEntries("g", [{ name: "run", graph, maxima }], { target, toolkit }).entries, 0);
  const node = at(fused.nodes, -1);
  return candidates(node, target, toolkit).flatMap((found) =>
    coveringConfigs(found, seen).map((config) => ({ kernel: found.kernel, config, node })),
  );
}

test("combinations begin with the first of each axis", () => {
  assert.equal(combinations({ a: [2, 1], b: [3, 4] }), [
    { a: 2, b: 3 },
    { a: 2, b: 4 },
    { a: 1, b: 3 },
    { a: 1, b: 4 },
  ]);
});

test("every configuration that takes a node keeps to the target's limits", () => {
  const wide = [matmul("1", 64, 4096), matmul("T", 64, 4096), transposed("1", 64, 4096), transposed("T", 64, 4096)];
  for (const target of TARGETS)
    for (const text of [...wide, normalized(1600, 4096)]) {
      const { fused } = at(
        compileEntries("g", [{ name: "run", graph: parseGraph(text), maxima: { T: 64 } }], { target }).entries,
        0,
      );
      const node = at(fused.nodes, -1);
      for (const { kernel, configs } of candidates(node, target))
        for (const config of configs) {
          const needs = shaderNeeds(renderShader({ kernel, config }, node, target).wgsl);
          const { maxComputeWorkgroupStorageSize: bytes, maxComputeInvocationsPerWorkgroup: most } = target.limits;
          const place = `${kernel.name} with ${JSON.stringify(config)} for ${target.name}`;
          assert.ok(needs && needs.sharedBytes <= bytes && needs.invocations <= most, place);
        }
    }
});

test("every kernel has a default, and no configuration twice", () => {
  for (const target of TARGETS)
    for (const [text, , toolkit = standard] of CASES)
      for (const { configs, kernel } of candidates(at(parseGraph(text, toolkit).nodes, -1), target, toolkit))
        assert.is(new Set(configs.map((c) => JSON.stringify(c))).size, configs.length, kernel.name);
});

test("of a normalised row, an invocation keeps a few columns, however few there are of the matrix", () => {
  for (const target of ["webgpu-default", "h100", "apple-m2"].map(targetByName))
    for (const columns of [4, 8, 16, 64]) {
      const row = 1600;
      const graph = parseGraph(`graph g(x: f32[1, ${row}], g: f32[${row}], c: f32[${row}], w: f32[${row}, ${columns}]) {
        y = fused matmul(x, g, c, w) { n = layer_norm(x, g, c) y = matmul(n, w) return y } return y }`);
      const node = at(graph.nodes, 0);
      const found = candidates(node, target).find((c) => c.kernel.name === "matmul_stream_normalized");
      for (const config of found?.configs ?? []) {
        const { wgsl } = renderShader({ kernel: found?.kernel ?? at(standard.kernels, 0), config }, node, target);
        const kept = wgsl.match(/^ *let x\d+ = load_row/gm)?.length ?? 0;
        assert.ok(kept <= 16, `${target.name} ${columns} ${JSON.stringify(config)}: ${kept} columns`);
      }
    }
});

test.run();
