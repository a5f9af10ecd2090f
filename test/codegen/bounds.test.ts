// No kernel reads or writes beyond the tensors that it is given, nor beyond its own workgroup memory: each is run with every
// index checked, on its ops' cases and on shapes at the edges of blocks and vectors. WebGPU would hide such an access.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type CompileOptions, compileEntries, type EntryName, standard } from "../../codegen/compile.ts";
import { compileGpt2 } from "../../codegen/compile-gpt2.ts";
import { initialChecks, instrumentPlan, instrumentWgsl } from "../../codegen/instrument.ts";
import { renderShader } from "../../codegen/render-shader.ts";
import { candidates } from "../../codegen/select-kernel.ts";
import { targetByName } from "../../codegen/target.ts";
import { readGpt2Config } from "../../ir/models/gpt2/config.ts";
import { parseGraph } from "../../ir/parse.ts";
import { hostTensor } from "../../ir/tensor.ts";
import type { SymbolValues } from "../../ir/type.ts";
import { Executor } from "../../runtime/executor.ts";
import { onGpu } from "../support/gpu.ts";
import { givenOf, graphOfOp } from "../support/run-op.ts";
import { checkBoundsOf, GpuGraph } from "../support/run-plan.ts";
import { DISTINCT_TARGETS } from "../support/targets.ts";
import { seededTensor } from "../support/tensors.ts";
import { assertValidWgsl } from "../support/tint.ts";
import { ALL_PASSES, checkKernels, type KernelCheck } from "./kernel-check.ts";
import { matmul, normalized, transposed } from "./kernel-texts.ts";

const test = suite("bounds");
const gpuTest = onGpu(test);
const DEFAULT = targetByName("webgpu-default");
const DEFAULT_ONLY = { targets: [DEFAULT] };
const LAVAPIPE_ONLY = { targets: [targetByName("lavapipe")] };
/** How exact kernels are is for other tests to say; here a wrong number would be one that is far off. */
const LOOSE = { terms: 300, ulps: 256 };

function inBounds(name: string, text: string, check: KernelCheck = {}): void {
  gpuTest(name, (gpu) => checkKernels(gpu, text, { ...LOOSE, ...check, checkBounds: true }));
}

for (const op of standard.ops)
  gpuTest(`${op.name} stays within its tensors on the op's cases`, async (gpu) => {
    // The plain kernel of several reads the same elements case after case, and takes a driver longest to compile.
    const [plain, ...faster] = standard.kernels.filter((k) => k.kind === op).map((k) => k.name);
    for (const [i, opCase] of op.cases.entries())
      await checkKernels(gpu, graphOfOp(op, opCase.types, opCase.attrs), {
        given: givenOf(op, opCase),
        disable: ALL_PASSES,
        ...DEFAULT_ONLY,
        ...(plain !== undefined && i > 0 && faster.length > 0 && { kernels: faster }),
        ...LOOSE,
        checkBounds: true,
      });
  });

// One row and one beyond a block of 4, 8 and 16. Inner axes are mostly 65 or more: software drivers unroll shorter ones.
const ROWS = [{ T: 1 }, { T: 5 }, { T: 17 }];
for (const [text, check] of [
  [matmul("1", 1, 1), {}],
  [matmul("1", 3, 261), {}],
  [matmul("1", 65, 260), {}],
  [matmul("T", 3, 5), {}],
  [matmul("T", 65, 36), DEFAULT_ONLY],
  [matmul("T", 65, 44), { ...LAVAPIPE_ONLY, kernels: ["matmul_blocked"] }],
  [matmul("T", 68, 516), { ...LAVAPIPE_ONLY, kernels: ["matmul_blocked_quads"] }],
  [transposed("1", 68, 1), DEFAULT_ONLY],
  [transposed("1", 72, 67), LAVAPIPE_ONLY],
  [transposed("T", 68, 261), DEFAULT_ONLY],
  [normalized(65, 4), DEFAULT_ONLY],
  [normalized(66, 260), LAVAPIPE_ONLY],
  [normalized(66, 132, 3), { ...DEFAULT_ONLY, kernels: ["matmul_stream_normalized"] }],
  [normalized(66, 36, 2, 3), { ...DEFAULT_ONLY, kernels: ["matmul_parts_stream_normalized"] }],
  [matmul("8", 67, 36), { ...DEFAULT_ONLY, kernels: ["matmul_stream"] }],
  [transposed("3", 68, 67), { ...DEFAULT_ONLY, kernels: ["matmul_stream_rows"] }],
] as readonly (readonly [string, KernelCheck])[])
  inBounds(`${text.split("{")[0]?.trim()} stays within its tensors`, text, { ...check, runs: ROWS });

for (const text of [
  matmul("1", 65, 7),
  matmul("1", 65, 40),
  matmul("T", 65, 12),
  transposed("1", 72, 9),
  transposed("T", 68, 9),
])
  inBounds(
    `${text.split("{")[0]?.trim()} stays within its tensors with halves as weights`,
    text.replace("w: f32", "weight w: f32"),
    { runs: ROWS, weights: "f16", ...DEFAULT_ONLY },
  );

for (const width of [1, 2, 65, 257])
  inBounds(
    `layer_norm of width ${width} stays within its tensors`,
    `graph g(x: f32[T, ${width}], w: f32[${width}], b: f32[${width}]) { y = layer_norm(x, w, b) return y }`,
    { runs: [{ T: 1 }, { T: 9 }] },
  );

for (const [heads, size, target, group] of [
  [1, 1, DEFAULT_ONLY, 1],
  [3, 4, DEFAULT_ONLY, 1],
  [2, 20, LAVAPIPE_ONLY, 1],
  [2, 20, DEFAULT_ONLY, 1],
  [6, 4, LAVAPIPE_ONLY, 3],
] as const)
  for (const rows of ["1", "T"])
    inBounds(
      `attention of ${rows} rows with ${heads} heads of ${size} in groups of ${group} stays within its tensors`,
      `graph g[P>=0](q: f32[${rows}, ${heads * size}], k: f32[260, ${(heads / group) * size}], v: f32[260, ${(heads / group) * size}]) {
        y = scaled_dot_product_attention(q, k, v, n_head=${heads}, n_kv_head=${heads / group}, length=P+${rows}, scale=0.25)
        return y
      }`,
      {
        ...target,
        // The plain kernel takes what no other does.
        ...(size > 1 && { kernels: ["attention_decode", "attention_stream", "attention_prefill"] }),
        // One key, one beyond a tile of 128, one beyond a tile of 256, and all that there are.
        runs:
          rows === "1"
            ? [{ P: 0 }, { P: 256 }, { P: 259 }]
            : [
                { T: 1, P: 0 },
                { T: 5, P: 124 },
                { T: 5, P: 255 },
              ],
      },
    );

inBounds(
  "parts of a table, of which an id is in one",
  `graph lookup(a: f32[5, 3], b: f32[2, 3], c: f32[4, 3], ids: i32[T]) {
    t = concat(a, b, c)
    y = gather(t, ids)
    z = concat(y, y, y, axis=1)
    r = slice(z, axis=1, start=2, length=5)
    return y, r
  }`,
  { runs: [{ T: 11 }], given: new Map([["ids", hostTensor("i32", [11], [10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0])]]) },
);

inBounds(
  "a row goes to a buffer and two caches, up to the last of their rows",
  `graph qkv[T, P>=0](x: f32[T, 5], w: f32[5, 12], b: f32[12], state k: f32[9, 4], state v: f32[9, 4]) {
    m = matmul(x, w)
    s = add(m, b)
    q, k1, v1 = split(s, sizes=[4, 4, 4])
    k2 = cache_update(k, k1, start=P)
    v2 = cache_update(v, v1, start=P)
    return q, k2, v2
  }`,
  {
    runs: [
      { T: 1, P: 8 },
      { T: 9, P: 0 },
    ],
  },
);

gpuTest("an id that no table has reads a row of the table: a draw that failed is -1", async (gpu) => {
  const graph = parseGraph(
    "graph g(a: f32[5, 3], b: f32[2, 3], ids: i32[2]) { t = concat(a, b) y = gather(t, ids) return y }",
  );
  const made = await GpuGraph.create(gpu, graph, {}, { checkBounds: true });
  const inputs = new Map(graph.inputs.map(({ value }, i) => [value.name, seededTensor(value.type, {}, i + 1)]));
  try {
    await made.run(new Map([...inputs, ["ids", hostTensor("i32", [2], [-1, 7])]]));
  } finally {
    made.destroy();
  }
});

/** Widths that are multiples of nothing, and of four; in f32 the table of tokens, and it alone, is split. */
const ODD = { n_layer: 1, n_head: 3, n_embd: 69, n_ctx: 9, vocab_size: 310 };
const EVEN = { n_layer: 1, n_head: 2, n_embd: 72, n_ctx: 12, vocab_size: 300 };
const CALLS: readonly (readonly [EntryName, SymbolValues])[] = [
  ["prefill", { T: 1, P: 0 }],
  ["prefill", { T: 7, P: 0 }],
  ["decode", { P: 7 }],
  ["decode", { P: 8 }],
  ["logits", { T: 5, P: 0 }],
];
for (const [json, target, weights, entries] of [
  [ODD, "lavapipe", "f32", ["decode"]],
  [EVEN, "lavapipe", "f32", ["prefill", "decode"]],
  [EVEN, "webgpu-default", "f16", ["logits"]],
] as const)
  gpuTest(`a GPT-2 of width ${json.n_embd} for ${target} in ${weights} stays within its tensors`, async (gpu) => {
    const config = readGpt2Config(json);
    const made = targetByName(target);
    const limits = { ...made.limits, maxStorageBufferBindingSize: 84000 };
    const options: CompileOptions = { target: { ...made, limits }, weights, entries, chunk: 8 };
    const { plan, steps } = instrumentPlan(compileGpt2(config, options));
    const executor = await Executor.create(gpu, plan);
    try {
      for (const [entry, symbols] of CALLS.filter(([name]) => entries.some((e) => e === name))) {
        const own = steps.filter((s) => s.entry === entry);
        for (const step of own) executor.write(step.buffer, initialChecks(step, symbols));
        executor.run(entry, symbols);
        await checkBoundsOf(executor, own);
      }
    } finally {
      executor.destroy();
    }
  });

test("every template can be instrumented, and is valid WGSL then", async () => {
  const config = readGpt2Config({ n_layer: 2, n_head: 2, n_embd: 64, n_ctx: 32, vocab_size: 50 });
  const odd = readGpt2Config({ n_layer: 2, n_head: 3, n_embd: 15, n_ctx: 32, vocab_size: 7 });
  const sources = new Map<string, string>();
  const add = ({ plan }: Pick<ReturnType<typeof compileGpt2>, "plan">) => {
    for (const { name, wgsl } of plan.kernels) sources.set(wgsl, name);
  };
  for (const target of DISTINCT_TARGETS)
    for (const features of [[], ["shader-f16"], ["subgroups"], ["chromium-experimental-subgroup-matrix"]])
      for (const weights of ["f32", "f16"] as const)
        add(compileGpt2(features.length === 0 ? odd : config, { target: { ...target, features }, weights }));
  // Plain kernels as well, which no plan takes where a faster one does.
  for (const op of standard.ops)
    for (const { types, attrs } of op.cases)
      for (const node of graphOfOp(op, types, attrs).nodes)
        for (const { kernel, refusal } of candidates(node, DEFAULT))
          if (refusal === undefined) sources.set(renderShader(kernel, node, DEFAULT).wgsl, kernel.name);
  // What no case of an op is: a normalisation before parts of a product, and a few rows times a transposed matrix.
  for (const text of [normalized(66, 36, 1, 3), transposed("3", 68, 67)])
    add(compileEntries("g", [{ name: "run", graph: parseGraph(text), maxima: {} }], { target: DEFAULT }));
  for (const [wgsl, name] of sources) {
    const { indices, wgsl: text } = instrumentWgsl(wgsl);
    assert.ok(indices.length > 0, name);
    await assertValidWgsl(text, name, { pipeline: false });
  }
  const names = [...sources.values()].map((name) => name.split(".")[0]);
  assert.equal(
    standard.kernels.map((k) => k.name).filter((name) => !names.includes(name)),
    [],
  );
});

test.run();
