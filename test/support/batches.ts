// A batch held against its sequences run alone, for any family.
import * as assert from "uvu/assert";
import { batchSpec, compileBatch, compileModel } from "../../codegen/compile.ts";
import { targetForAdapter } from "../../codegen/target.ts";
import { standard, type Toolkit } from "../../codegen/toolkit.ts";
import { at } from "../../ir/errors.ts";
import type { Family, ModelConfig } from "../../ir/family.ts";
import { Batch, type BatchPrompt } from "../../runtime/batch.ts";
import type { OpenDevice } from "../../runtime/device.ts";
import { Model } from "../../runtime/model.ts";
import { openCheckpoint } from "../../runtime/weights/file-source.ts";

/** A checkpoint, the model that it is of, and what is drawn with it. */
export interface BatchTrial<C extends ModelConfig> {
  readonly family: Family<C>;
  readonly config: C;
  readonly folder: string;
  readonly prompts: readonly BatchPrompt[];
  readonly steps: number;
  readonly toolkit?: Toolkit;
}

/** What each sequence draws by itself, and its logits at the end. */
async function alone<C extends ModelConfig>(gpu: OpenDevice, trial: BatchTrial<C>) {
  const { family, config, folder, prompts, steps, toolkit = standard } = trial;
  const { plan } = compileModel(family, config, {
    toolkit,
    target: targetForAdapter(gpu.adapter),
    entries: ["prefill", "decode"],
  });
  const source = await openCheckpoint(folder);
  const model = await Model.load(gpu, plan, source);
  const texts: { readonly ids: readonly number[]; readonly logits: Float32Array }[] = [];
  for (const { ids, sampler = { temperature: 0 }, seed = 0 } of prompts) {
    const session = await model.session();
    const drawn = [await session.drawAfter(ids, sampler, seed)];
    while (drawn.length < steps) drawn.push(await session.drawNext());
    await session.reset();
    texts.push({ ids: drawn, logits: await session.feed([...ids, ...drawn.slice(0, -1)]) });
    await session.close();
  }
  await model.close();
  await source.close();
  return texts;
}

/** What the sequences draw together is what each draws alone, to the token, and the last logits are within 2e-5 of the largest. */
export async function assertDrawsAlone<C extends ModelConfig>(
  gpu: OpenDevice,
  trial: BatchTrial<C>,
  pageSizes: readonly number[],
): Promise<void> {
  const { family, config, folder, prompts, steps, toolkit = standard } = trial;
  const target = targetForAdapter(gpu.adapter);
  const expected = await alone(gpu, trial);
  for (const pageSize of pageSizes) {
    const size = { sequences: prompts.length, pageSize };
    const { plan } = compileBatch(family, config, size, { toolkit, target, chunk: 32 });
    const source = await openCheckpoint(folder);
    const batch = await Batch.load(gpu, plan, source, batchSpec(config, size, 32));
    await source.close();
    try {
      for (const half of [steps, steps / 2]) {
        await batch.start(prompts);
        const drawn = prompts.map((): number[] => []);
        for (let done = 0; done < steps; done += half)
          for (const [s, ids] of (await batch.decode(half)).entries()) at(drawn, s).push(...ids);
        for (const [s, { ids }] of expected.entries())
          assert.equal(drawn[s], ids, `sequence ${s}, pages of ${pageSize}`);
      }
      const logits = await batch.lastLogits();
      const { n_vocab } = config;
      expected.forEach(({ logits: own }, s) => {
        const largest = Math.max(...own.map(Math.abs));
        own.forEach((z, i) => {
          const error = Math.abs((logits[s * n_vocab + i] ?? Number.NaN) - z);
          assert.ok(error <= 2e-5 * largest, `sequence ${s}, logit ${i} is off by ${error} of ${largest}`);
        });
      });
    } finally {
      batch.close();
    }
  }
}
