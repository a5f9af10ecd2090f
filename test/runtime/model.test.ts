// A loaded model: what it takes, what it refuses, and what it remembers between calls.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileGpt2 } from "../../codegen/compile-gpt2.ts";
import { targetByName, targetForAdapter } from "../../codegen/target.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { Model } from "../../runtime/model.ts";
import { openCheckpoint } from "../../runtime/weights/file-source.ts";
import type { LoadProgress } from "../../runtime/weights/stream-weights.ts";
import { onGpu } from "../support/gpu.ts";
import { chainModel } from "../support/made-models.ts";
import { f32, inFolder, type MadeTensor } from "../support/make-safetensors.ts";
import { argmax, EMBEDDED, readConfig, withSession } from "../support/models.ts";
import { rejects } from "../support/rejects.ts";

const test = suite("model");
const gpuTest = onGpu(test);

const TEXT = [858, 25, 198, 40, 455];

gpuTest("counts the tokens that it holds, and forgets them at a reset", (gpu) =>
  withSession(gpu, EMBEDDED, {}, async (session) => {
    assert.is(session.past, 0);
    const first = (await session.feed(TEXT)).slice();
    assert.is(session.past, 5);
    await session.feed([701]);
    assert.is(session.past, 6);
    await session.reset();
    assert.is(session.past, 0);
    assert.equal(await session.feed(TEXT), first, "the same text after a reset gives the same logits, to the bit");
  }),
);

gpuTest("returns one row of logits from feed, and every row from feedAll", (gpu) =>
  withSession(gpu, EMBEDDED, { chunk: 2 }, async (session) => {
    assert.is((await session.feed(TEXT)).length, 1024);
    await session.reset();
    const chunks: (readonly [start: number, rows: number, size: number])[] = [];
    for await (const { start, rows, logits } of session.feedAll(TEXT)) chunks.push([start, rows, logits.length]);
    assert.equal(chunks, [
      [0, 2, 2048],
      [2, 2, 2048],
      [4, 1, 1024],
    ]);
  }),
);

gpuTest("says what it is", (gpu) =>
  withSession(gpu, EMBEDDED, {}, async (session, config, model) => {
    assert.equal(session.facts, { n_layer: 6, n_ctx: 256, n_vocab: 1024, eos_token_ids: [1023] });
    assert.is(session.chunk, 128);
    assert.ok(model.bufferBytes > 4 * 1353728, "its buffers hold all weights in f32");
    assert.ok(model.dispatchesPerToken > 0 && model.dispatchesPerToken < 10 * config.n_layer);
    assert.is(model.adapter, gpu.adapter);
  }),
);

gpuTest("refuses tokens that it can't take, and goes on unharmed", (gpu) =>
  withSession(gpu, EMBEDDED, {}, async (session) => {
    await rejects(session.feed([]), /no token to feed/);
    await rejects(session.feed([5, 1024]), /token 1024 is not in the vocabulary of 1024.*0 to 1023/s);
    await rejects(session.feed([-1]), /token -1 is not in the vocabulary/);
    await rejects(session.feed([0.5]), /token 0.5 is not in the vocabulary/);
    await rejects(session.feed(Array(257).fill(1)), /257 tokens do not fit in the context of 256/);
    assert.is(session.past, 0);
    await session.feed(Array(250).fill(1));
    await rejects(session.feed(Array(7).fill(1)), /7 tokens after 250 that it holds do not fit in the context of 256/);
    await rejects(session.feedAll(Array(7).fill(1)).next(), /do not fit/);
    assert.is((await session.feed(Array(6).fill(1))).length, 1024);
  }),
);

gpuTest("counts the values of weights that are not finite, where asked to, and every byte that it reads", (gpu) =>
  inFolder(chainModel(Uint8Array.of(65, 66)), async (folder) => {
    const { plan } = compileGpt2(readConfig(folder), { target: targetForAdapter(gpu.adapter) });
    const source = await openCheckpoint(folder);
    const spoiled = new Float32Array(260);
    spoiled.set([Number.NaN, Number.POSITIVE_INFINITY], 7);
    const seen: LoadProgress[] = [];
    const model = await Model.load(gpu, plan, replace(source, "ln_f.bias", f32([260], spoiled)), {
      checkFinite: true,
      onProgress: (progress) => seen.push(progress),
    });
    assert.equal(model.notFinite, [{ weight: "ln_f.bias", count: 2 }]);
    assert.equal(model.surplus, []);
    const last = seen.at(-1);
    assert.ok(last && last.bytes === last.total && last.total > 0, "the last progress is the total");
    await model.close();
    const unasked = await Model.load(gpu, plan, source);
    assert.equal(unasked.notFinite, []);
    await unasked.close();
    await source.close();
  }),
);

gpuTest("says which token's logits are no distribution", (gpu) =>
  inFolder(chainModel(Uint8Array.of(65, 66)), async (folder) => {
    const { plan } = compileGpt2(readConfig(folder), { target: targetForAdapter(gpu.adapter) });
    const source = await openCheckpoint(folder);
    const spoiled = f32([258], new Float32Array(258).fill(Number.NaN));
    const model = await Model.load(gpu, plan, replace(source, "ln_f.bias", spoiled));
    const session = await model.session();
    await rejects(
      session.drawAfter([65, 66], { temperature: 1 }, 0),
      /token 2: its logits are no distribution.*load it with f32 weights/s,
    );
    await model.close();
    await source.close();
  }),
);

gpuTest("draws with the settings it is given, and says when the context is full", (gpu) =>
  inFolder(chainModel(Buffer.from("abc"), 2), (folder) =>
    withSession(gpu, folder, {}, async (session) => {
      for (const temperature of [1e-320, 1e-30, 0.1]) {
        await session.reset();
        assert.is(await session.drawAfter([0x61], { temperature }, 1), 0x62, `at ${temperature}`);
      }
      assert.is(await session.drawNext(), 0x63);
      await rejects(session.drawNext(), /the context of 2 is full/);
      await session.reset();
      assert.ok(
        (await session.drawAfter([0x61], { temperature: 1e300 }, 1)) >= 0,
        "any token is as likely as any other",
      );
      await rejects(session.drawAfter([0x61], { temperature: -1 }, 1), /temperature is -1/);
      await rejects(session.drawAfter([0x61], { temperature: 1 }, -1), /seed: is -1/);
      await rejects(
        session.rewind(2),
        /can't go back to 2 tokens, for it holds 1\nhint: give a whole number from 0 to 1/,
      );
    }),
  ),
);

gpuTest("follows the chain that a made-up model was made for", (gpu) =>
  inFolder(chainModel(Buffer.from("abc")), (folder) =>
    withSession(gpu, folder, { target: targetByName("webgpu-default") }, async (session) => {
      assert.is(argmax(await session.feed(Buffer.from("a").toJSON().data)), 0x62);
      assert.is(argmax(await session.feed([0x62])), 0x63);
      assert.is(argmax(await session.feed([0x63])), 256);
    }),
  ),
);

gpuTest("refuses a plan that describes no language model", async (gpu) => {
  const { plan } = compileGpt2(readConfig(EMBEDDED), { target: targetForAdapter(gpu.adapter) });
  const { model: _, ...bare } = plan;
  const source = await openCheckpoint(EMBEDDED);
  await rejects(Model.load(gpu, bare, source), /describes no language model/, RuntimeError);
  await source.close();
});

type Source = Awaited<ReturnType<typeof openCheckpoint>>;

/** The source with one tensor's bytes replaced. */
const replace = (source: Source, name: string, { data }: MadeTensor): Source => ({
  ...source,
  read: async (wanted, offset, length) =>
    wanted === name
      ? new Uint8Array(data.buffer.slice(offset, offset + length) as ArrayBuffer)
      : source.read(wanted, offset, length),
});

test.run();
