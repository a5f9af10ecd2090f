// Many sequences in one step: what each draws, and its logits, are those of a run of its own.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { batchSpec, compileBatch } from "../../codegen/compile.ts";
import { targetByName, targetForAdapter } from "../../codegen/target.ts";
import { standard } from "../../codegen/toolkit.ts";
import { embeddedModel, readModel } from "../../engine/index.ts";
import { type CompileError, unreachable } from "../../ir/errors.ts";
import { type Gpt2Config, readGpt2Config } from "../../ir/models/gpt2/config.ts";
import { gpt2 } from "../../ir/models/gpt2/family.ts";
import { Batch, type BatchPrompt } from "../../runtime/batch.ts";
import { openCheckpoint } from "../../runtime/weights/file-source.ts";
import { assertDrawsAlone } from "../support/batches.ts";
import { onGpu } from "../support/gpu.ts";

const test = suite("batch");
const gpuTest = onGpu(test);

const PROMPTS: readonly BatchPrompt[] = [
  { ids: [1] },
  { ids: [5, 9, 2, 40, 7, 7, 3, 12, 30, 31, 8, 2, 2, 6, 5, 1, 9, 11, 24] },
  { ids: [17, 3], sampler: { temperature: 0.8, topK: 20 }, seed: 7 },
  { ids: [2, 2, 2, 2], sampler: { temperature: 1.2, topP: 0.9, repetitionPenalty: 1.3 }, seed: 123456789 },
  { ids: [44, 0, 13, 29, 5], sampler: { temperature: 0, suppressTokens: [1, 2, 3] } },
  { ids: Array.from({ length: 70 }, (_, i) => (i * 7) % 60) },
  { ids: [60, 59] },
  { ids: [17, 3], sampler: { temperature: 0.8, topK: 20 }, seed: 8 },
];

async function checkpoint(): Promise<{ readonly config: Gpt2Config; readonly folder: string }> {
  const folder = await embeddedModel();
  const { config } = await readModel(folder, standard, () => undefined);
  return { config: readGpt2Config(gpt2.printConfig(config as Gpt2Config)), folder };
}

gpuTest("eight sequences draw what each draws alone", async (gpu) => {
  const { config, folder } = await checkpoint();
  await assertDrawsAlone(gpu, { family: gpt2, config, folder, prompts: PROMPTS, steps: 24 }, [16, 5]);
});

gpuTest("a batch says what does not fit", async (gpu) => {
  const { config, folder } = await checkpoint();
  const size = { sequences: 2 };
  const { plan } = compileBatch(gpt2, config, size, { target: targetForAdapter(gpu.adapter) });
  const source = await openCheckpoint(folder);
  const batch = await Batch.load(gpu, plan, source, batchSpec(config, size));
  const refuses = async (call: () => Promise<unknown>, message: RegExp): Promise<void> => {
    const error = await call().then(
      () => undefined,
      (e: unknown) => e,
    );
    assert.match(String((error as Error | undefined)?.message), message);
  };
  try {
    const other = { sequences: 3 };
    await refuses(
      () => Batch.load(gpu, plan, source, batchSpec(config, other)),
      /has \d+ bytes of pages, but a batch of this size has \d+/,
    );
    await refuses(() => Batch.load(gpu, plan, source, batchSpec(config, size, 7)), /bytes of positions/);
    await refuses(() => batch.decode(1), /has no prompts yet/);
    await refuses(() => batch.start([{ ids: [1] }]), /has 2 sequences, but is given 1 prompts/);
    await refuses(() => batch.start([{ ids: [1] }, { ids: [] }]), /prompt 1: has 0 tokens/);
    await refuses(() => batch.start([{ ids: [1] }, { ids: [config.n_vocab] }]), /is not in the vocabulary/);
    const sampled = (temperature: number, seed: number, suppressTokens: number[]) =>
      batch.start([{ ids: [1] }, { ids: [1], sampler: { temperature, suppressTokens }, seed }]);
    await refuses(() => sampled(-1, 0, []), /sampler of prompt 1: temperature is -1/);
    await refuses(() => sampled(1, -1, []), /seed of prompt 1: is -1/);
    await refuses(() => sampled(1, 0, [config.n_vocab]), /sampler of prompt 1: suppressTokens has/);
    await batch.start([{ ids: [1] }, { ids: [1, 2, 3] }]);
    await refuses(() => batch.decode(config.n_ctx), /do not fit/);
    assert.is((await batch.decode(config.n_ctx - 2)).length, 2);
  } finally {
    await source.close();
    batch.close();
  }
});

test("a family without batches, and sizes that are none, are refused", async () => {
  const { config } = await checkpoint();
  const { batch: _, ...others } = gpt2;
  assert.throws(() => compileBatch(others, config, { sequences: 2 }), /family gpt2: has no batches/);
  assert.throws(() => compileBatch(gpt2, config, { sequences: 0 }), /is of 0 sequences/);
  assert.throws(() => compileBatch(gpt2, config, { sequences: 2, pageSize: 1.5 }), /pages of 1\.5/);
});

const presetNamed = (name: string): Gpt2Config => gpt2.presets[name] ?? unreachable(`there is no preset ${name}`);

test("more sequences than a target can hold are refused with how many it can", () => {
  const compile = (sequences: number) =>
    compileBatch(gpt2, presetNamed("gpt2"), { sequences }, { target: targetByName("webgpu-default") });
  assert.throws(
    () => compile(64),
    (e: CompileError) => {
      const [, fitting] = /^(\d+) sequences at a time fit/.exec(e.hint ?? "") ?? [];
      return fitting !== undefined && compile(Number(fitting)).plan.name === "gpt2";
    },
  );
});

test.run();
