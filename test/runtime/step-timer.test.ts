// Steps that are timed: that both ways of running one are told apart, that they compute what a run computes, and what is refused.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileGpt2 } from "../../codegen/compile-gpt2.ts";
import { targetForAdapter } from "../../codegen/target.ts";
import { DecodeTimer } from "../../runtime/decode-timer.ts";
import type { OpenDevice } from "../../runtime/device.ts";
import { Executor } from "../../runtime/executor.ts";
import { Model } from "../../runtime/model.ts";
import { Sequence } from "../../runtime/sequence.ts";
import { SequenceRuns } from "../../runtime/sequence-runs.ts";
import type { SequenceState } from "../../runtime/sequence-state.ts";
import { checkTimestamps, StepTimer, type TimeSpan } from "../../runtime/step-timer.ts";
import { openCheckpoint } from "../../runtime/weights/file-source.ts";
import { countBuffers } from "../support/count-buffers.ts";
import { onGpu } from "../support/gpu.ts";
import { EMBEDDED, readConfig } from "../support/models.ts";
import { rejects } from "../support/rejects.ts";

const test = suite("step timer");
const gpuTest = onGpu(test);

const IDS = [858, 25, 198, 40];
const GREEDY = { temperature: 0 };

async function withModel(gpu: OpenDevice, body: (model: Model) => Promise<void>): Promise<void> {
  const { plan } = compileGpt2(readConfig(EMBEDDED), {
    target: targetForAdapter(gpu.adapter),
    entries: ["prefill", "decode"],
  });
  const source = await openCheckpoint(EMBEDDED);
  const model = await Model.load(gpu, plan, source, {}, () => source.close());
  try {
    await body(model);
  } finally {
    await model.close();
  }
}

const follows = (a: TimeSpan, b: TimeSpan): boolean => a.begin <= b.begin && a.end <= b.end;

gpuTest("a step is timed whole and in a pass for each dispatch, in turns", (gpu) =>
  withModel(gpu, async (model) => {
    const timer = await DecodeTimer.on(model);
    await timer.start(IDS);
    const all = [];
    for (let i = 0; i < 4; i++) all.push(await timer.step());
    assert.is(timer.past, IDS.length + 4);
    for (const [i, { whole, cut, steps }] of all.entries()) {
      assert.is(steps.length, model.dispatchesPerToken);
      const spans = steps.filter((s) => s !== undefined);
      assert.is(spans.length, steps.length, "every dispatch of a decode step has something to do");
      for (const { begin, end } of [whole, cut, ...spans]) assert.ok(begin >= 0 && end >= begin, `${begin} to ${end}`);
      spans.slice(1).forEach((span, n) => {
        assert.ok(follows(spans[n] ?? span, span), `dispatch ${n}`);
      });
      assert.equal(cut, { begin: spans[0]?.begin, end: spans.at(-1)?.end });
      assert.ok(whole.end > whole.begin && (i % 2 === 0 ? follows(whole, cut) : follows(cut, whole)), `step ${i}`);
    }
    timer.close();
    timer.close();
  }),
);

gpuTest("timed steps draw what other steps draw", (gpu) =>
  withModel(gpu, async (model) => {
    const session = await model.session();
    const expected = [await session.drawAfter(IDS, GREEDY, 0)];
    for (let i = 0; i < 5; i++) expected.push(await session.drawNext());
    const state = await model.state();
    await new Sequence(new SequenceRuns(state), model.facts).drawAfter(IDS, GREEDY, 0);
    const timer = await StepTimer.create(state, "decode", { P: 0 });
    for (let i = 0; i < 5; i++) await timer.time({ P: IDS.length + i });
    const { tokens = "" } = state.entry("decode").roles ?? {};
    const drawn = new Int32Array(await state.readBytes(tokens, 4 * (IDS.length + 6)));
    assert.equal([...drawn.subarray(IDS.length)], expected);
    timer.close();
    state.close();
  }),
);

gpuTest("what timing takes is freed", async (gpu) => {
  const { open, bytes } = countBuffers(gpu);
  await withModel(open, async (model) => {
    const before = bytes();
    const timer = await DecodeTimer.on(model);
    await timer.start(IDS);
    await timer.step();
    timer.close();
    assert.is(bytes(), before);
  });
});

gpuTest("refuses a step without tokens before it, and one beyond the context", (gpu) =>
  withModel(gpu, async (model) => {
    const timer = await DecodeTimer.on(model);
    await rejects(timer.step(), /timer: there is no token to go on from\nhint: call `start` first/);
    await timer.start(Array.from({ length: model.facts.n_ctx }, (_, i) => i));
    await rejects(timer.step(), /timer: the context of 256 is full\nhint: call `start` again/);
    await rejects(timer.start([]), /session: /);
    timer.close();
  }),
);

gpuTest("refuses what no loaded plan made, and an entry point that is none", (gpu) =>
  withModel(gpu, async (model) => {
    const other = Object.create(Executor.prototype) as SequenceState;
    await rejects(StepTimer.create(other, "decode", { P: 0 }), /timer: is given a state that no loaded plan made/);
    const state = await model.state();
    await rejects(StepTimer.create(state, "dance", {}), /there is no entry point dance/);
    state.close();
  }),
);

gpuTest("an adapter without timestamps is named, with what else measures", async ({ adapter, device }) => {
  checkTimestamps({ adapter, device });
  const blind = { features: new Set<string>() } as unknown as OpenDevice["device"];
  assert.throws(
    () => checkTimestamps({ adapter, device: blind }),
    (error: Error) =>
      /^adapter .*: has no timestamp-query, but the time of a kernel can't be told without\nhint: `wgpt bench` measures/.test(
        error.message,
      ),
  );
});

test.run();
