// The second family, a plugin in examples/llama: its graphs through the compiler and on the adapter, against an implementation
// in f64 that shares nothing with them, and its config.json.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileModel, extend, standard } from "../../codegen/compile.ts";
import { targetForAdapter } from "../../codegen/target.ts";
import { type LlamaConfig, readLlamaConfig } from "../../examples/llama/config.ts";
import plugin, { llama } from "../../examples/llama/plugin.ts";
import { CompileError } from "../../ir/errors.ts";
import { shortenContext } from "../../ir/family.ts";
import { Executor } from "../../runtime/executor.ts";
import { createRng } from "../../runtime/rng.ts";
import { onGpu } from "../support/gpu.ts";
import { llamaLogits } from "../support/llama-f64.ts";
import { argmax, assertWithin } from "../support/models.ts";

const test = suite("llama family");
const gpuTest = onGpu(test);

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

for (const tie_word_embeddings of [false, true])
  gpuTest(
    `logits are those of f64, ${tie_word_embeddings ? "with" : "without"} a tied head, in one call or in steps`,
    async (gpu) => {
      const config: LlamaConfig = { ...small, tie_word_embeddings };
      const { plan } = compileModel(llama, config, { toolkit, target: targetForAdapter(gpu.adapter) });
      const executor = await Executor.create(gpu, plan);
      const rng = createRng(5);
      const weights = new Map<string, Float32Array>();
      for (const { name, buffer, shape } of plan.weights) {
        const count = shape.reduce((n, d) => n * d, 1);
        const spread = shape.length === 1 ? 1 : 2 / Math.sqrt(shape.at(-1) ?? 1);
        const values = Float32Array.from({ length: count }, () => spread * (2 * rng.next() - 1));
        weights.set(name, values);
        executor.write(buffer, values);
      }
      const want = llamaLogits(config, (name) => weights.get(name) ?? [], IDS);
      const largest = Math.max(...want.flat().map(Math.abs));
      const tokens = new Int32Array(config.n_ctx + 1);
      tokens.set(IDS);
      executor.write("tokens", tokens);
      executor.write("settings", Float32Array.of(0, 0, 1));
      executor.write("seed", Uint32Array.of(1));
      const read = async (entry: string, symbols: Readonly<Record<string, number>>) => {
        executor.run(entry, symbols);
        const [logits] = executor.entry(entry).outputs;
        if (!logits) throw new Error(`${entry} has no output`);
        return (await executor.read(logits, symbols)) as Float32Array;
      };
      const bound = 1e-4 * largest;
      assertWithin(await read("logits", { T: IDS.length, P: 0 }), want.flat(), bound, "all at once");
      assertWithin(await read("prefill", { T: 4, P: 0 }), want[3] ?? [], bound, "a prefill of 4");
      for (let P = 4; P < IDS.length; P++) {
        // The step before has drawn a token of its own.
        executor.write("tokens", tokens);
        const got = await read("decode", { P });
        assertWithin(got, want[P] ?? [], bound, `the step at ${P}`);
        assert.is(argmax(got), argmax(want[P] ?? []));
      }
      executor.destroy();
    },
  );

test.run();
