// The second family, a plugin in examples/llama: its graphs through the compiler and on the adapter, against an implementation
// in f64 that shares nothing with them, and its config.json.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileBatch, compileModel, extend, standard } from "../../codegen/compile.ts";
import { targetByName, targetForAdapter } from "../../codegen/target.ts";
import { type LlamaConfig, readLlamaConfig } from "../../examples/llama/config.ts";
import plugin, { llama } from "../../examples/llama/plugin.ts";
import { at, CompileError } from "../../ir/errors.ts";
import { shortenContext } from "../../ir/family.ts";
import type { BatchPrompt } from "../../runtime/batch.ts";
import { loadBundle } from "../../runtime/index.ts";
import { Model } from "../../runtime/model.ts";
import { createRng } from "../../runtime/rng.ts";
import type { StoredTensor, WeightSource } from "../../runtime/weights/source.ts";
import { sourcesOf } from "../../runtime/weights/storage.ts";
import { assertDrawsAlone } from "../support/batches.ts";
import { onGpu } from "../support/gpu.ts";
import { llamaLogits } from "../support/llama-f64.ts";
import { allLogits, argmax, assertWithin } from "../support/models.ts";
import { assertFails, output, runCli } from "../support/run-cli.ts";

const test = suite("llama family");
const gpuTest = onGpu(test);

const root = mkdtempSync(join(tmpdir(), "wgpt-llama-"));
test.after(() => rmSync(root, { recursive: true, force: true }));
const PLUGIN = ["--plugin", fileURLToPath(new URL("../../examples/llama/plugin.ts", import.meta.url))];
const checkpoint = join(root, "checkpoint");
const made = runCli(["make-checkpoint", "llama-tiny", "--seed", "1", "--out", checkpoint, ...PLUGIN]).then(output);

const small = readLlamaConfig({
  hidden_size: 48,
  intermediate_size: 100,
  max_position_embeddings: 32,
  num_attention_heads: 6,
  num_hidden_layers: 2,
  num_key_value_heads: 2,
  vocab_size: 70,
  rope_theta: 500,
});
const IDS = [3, 66, 0, 12, 41, 7, 7, 55, 69, 20, 1];
const toolkit = extend(standard, plugin);

test("the toolkit has it beside GPT-2", () => {
  assert.equal(
    toolkit.families.map((f) => f.name),
    ["gpt2", "llama"],
  );
});

test("its config comes back from the config.json that it prints", () => {
  for (const config of [small, ...Object.values(llama.presets)])
    assert.equal(llama.readConfig(JSON.parse(JSON.stringify(llama.printConfig(config)))), config);
});

test("refuses what its graph can't express, by the key's name", () => {
  const json = llama.printConfig(small);
  for (const [more, facts] of [
    [{ attention_bias: true }, "attention_bias is true"],
    [{ rope_scaling: { factor: 2 } }, 'rope_scaling is {"factor":2}'],
    [{ hidden_act: "gelu" }, 'hidden_act is "gelu"'],
    [{ num_key_value_heads: 4 }, "num_key_value_heads is 4, but num_attention_heads is 6"],
  ] as const)
    assert.throws(
      () => llama.readConfig({ ...json, ...more }),
      (e: Error) => e instanceof CompileError && e.facts === facts,
    );
  assert.throws(() => shortenContext(small, 33), /33 tokens, but the model's is 32/);
});

test("a layer takes 5 dispatches at decode: rotation, gate and norms are in the products that make or read them", () => {
  for (const config of Object.values(llama.presets)) {
    const options = {
      toolkit,
      target: targetByName("webgpu-default"),
      entries: ["decode"],
      allowExcess: true,
    } as const;
    const steps = (n_layer: number) =>
      at(compileModel(llama, { ...config, n_layer }, options).plan.entries, 0).steps.map((step) => step.kernel);
    const [two, three] = [steps(2), steps(3)];
    assert.is(three.length - two.length, 5);
    const count = (kernel: string): number => three.filter((name) => name.startsWith(`${kernel}.`)).length;
    assert.is(count("matmul_stream_normalized"), 6);
    assert.is(count("attention_decode") + count("attention_stream"), 3);
    assert.is(count("layer_norm_rows"), 1, "the last one: the kernel of the head takes none in");
  }
});

test("in a batch, attention is in pages and positions are rotated by what the data says", () => {
  const { plan } = compileBatch(llama, small, { sequences: 4, pageSize: 8 }, { toolkit });
  for (const { name, steps } of plan.entries)
    assert.is(
      steps.filter(({ kernel }) => kernel.startsWith("attention_paged")).length,
      small.n_layer,
      `${name} has no attention over pages in each layer`,
    );
});

gpuTest("four sequences of a batch draw what each draws alone", async (gpu) => {
  await made;
  const config = at(Object.values(llama.presets), 0);
  const prompts: readonly BatchPrompt[] = [
    { ids: [7] },
    { ids: Array.from({ length: 50 }, (_, i) => (i * 11) % 250) },
    { ids: [200, 3, 3], sampler: { temperature: 0.9, topK: 30 }, seed: 11 },
    { ids: [5, 4, 3, 2, 1], sampler: { temperature: 1.1, topP: 0.8, repetitionPenalty: 1.2 }, seed: 987654321 },
  ];
  const trial = { family: llama, config, folder: checkpoint, prompts, steps: 16, toolkit };
  await assertDrawsAlone(gpu, trial, [16, 7]);
});

for (const tie_word_embeddings of [false, true])
  gpuTest(
    `logits are those of f64, ${tie_word_embeddings ? "with" : "without"} a tied head, in one call or in steps`,
    async (gpu) => {
      const config: LlamaConfig = { ...small, tie_word_embeddings };
      const { plan } = compileModel(llama, config, { toolkit, target: targetForAdapter(gpu.adapter) });
      const rng = createRng(5);
      const weights = new Map<string, Float32Array<ArrayBuffer>>();
      const tensors = sourcesOf(plan.weights).map(({ name, shape }): StoredTensor => {
        const count = shape.reduce((n, d) => n * d, 1);
        const spread = shape.length === 1 ? 1 : 2 / Math.sqrt(shape.at(-1) ?? 1);
        weights.set(
          name,
          Float32Array.from({ length: count }, () => spread * (2 * rng.next() - 1)),
        );
        return { name, dtype: "F32", shape, byteLength: 4 * count };
      });
      const source: WeightSource = {
        place: "made up",
        tensors: new Map(tensors.map((t) => [t.name, t])),
        read: async (name, offset, length) =>
          new Uint8Array(weights.get(name)?.buffer ?? new ArrayBuffer(0), offset, length).slice(),
        close: async () => undefined,
      };
      const want = llamaLogits(config, (name) => weights.get(name) ?? [], IDS);
      const bound = 1e-4 * Math.max(...want.flat().map(Math.abs));
      const model = await Model.load(gpu, plan, source);
      const session = await model.session();
      assertWithin(await allLogits(session, IDS), want.flat(), bound, "all at once");
      await session.reset();
      assertWithin(await session.feed(IDS.slice(0, 4)), want[3] ?? [], bound, "a prefill of 4");
      for (let P = 4; P < IDS.length; P++) {
        const got = await session.feed(IDS.slice(P, P + 1));
        assertWithin(got, want[P] ?? [], bound, `the step at ${P}`);
        assert.is(argmax(got), argmax(want[P] ?? []));
      }
      await model.close();
    },
  );

test("is not read without its plugin, and the refusal names the way", async () => {
  assertFails(
    await made.then(() => runCli(["generate", "--model", checkpoint, "--tokens", "1"])),
    /config\.json: model_type is "llama" \(wgpt compiles gpt2; a plugin brings other families: --plugin FILE\)/,
  );
  assertFails(await runCli(["inspect", "llama-tiny"]), /no preset of that name.*presets are gpt2, gpt2-medium/);
  assertFails(await runCli(["inspect", "none", ...PLUGIN]), /presets are gpt2, .*llama-tiny/);
});

test("a config that it refuses is named, and not the plugin's line that does", async () => {
  const folder = mkdtempSync(join(root, "refused-"));
  writeFileSync(join(folder, "config.json"), JSON.stringify({ ...llama.printConfig(small), hidden_act: "gelu" }));
  const { stderr } = await runCli(["inspect", folder, ...PLUGIN]);
  assert.is(stderr, `wgpt: ${join(folder, "config.json")}: hidden_act is "gelu" (wgpt knows silu, swish)\n`);
});

gpuTest(
  "every command reads it by its plugin: the same tokens from a checkpoint, a preset's bundle, and in a program",
  async (gpu) => {
    await made;
    const generate = ["generate", "--model", checkpoint, "--tokens", IDS.join(), "--max-new-tokens", "6"];
    const said = output(await runCli([...generate, "--temperature", "0", ...PLUGIN])).trim();
    assert.match(said, /^(\d+ ){5}\d+$/);
    const bundle = join(root, "bundle");
    output(await runCli(["compile", checkpoint, "--pack-weights", "--out", bundle, ...PLUGIN]));
    output(await runCli(["compile", "--check", bundle, checkpoint, "--verify", ...PLUGIN]));
    for (const weights of [undefined, checkpoint]) {
      const model = await loadBundle(bundle, gpu, weights, { onWarning: () => undefined });
      const tokens: number[] = [];
      for await (const { token } of model.generate(IDS, { maxNewTokens: 6, temperature: 0 })) tokens.push(token);
      assert.is(tokens.join(" "), said);
      await model.close();
    }
    assert.match(
      output(await runCli(["score", "--model", checkpoint, "--tokens", IDS.join(), ...PLUGIN])),
      /perplexity/,
    );
    const bench = ["bench", "llama-tiny", "--runs", "1", "--max-new-tokens", "2", "--prefill", "8", "--json"];
    assert.is(JSON.parse(output(await runCli([...bench, ...PLUGIN]))).weights, "random");
  },
);

test.run();
