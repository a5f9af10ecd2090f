// Scoring: log-probabilities, windows, and the sums over them.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { targetByName } from "../../codegen/target.ts";
import { at } from "../../ir/errors.ts";
import { logSoftmax } from "../../runtime/log-probabilities.ts";
import { score } from "../../runtime/score.ts";
import { onGpu } from "../support/gpu.ts";
import { chainModel } from "../support/made-models.ts";
import { inFolder } from "../support/make-safetensors.ts";
import { allLogits, EMBEDDED, joinRows, readReference, withSession } from "../support/models.ts";
import { rejects } from "../support/rejects.ts";

const test = suite("score");
const gpuTest = onGpu(test);

const { ids } = at(readReference(EMBEDDED).cases, 0);
/** Both sides take the same logits to f64. */
const SAME = 1e-12;
const near = (a: number, b: number, bound: number) => assert.ok(Math.abs(a - b) <= bound, `${a} is not near ${b}`);

gpuTest("gives every token but the first its log-probability, and their mean", (gpu) =>
  withSession(gpu, EMBEDDED, {}, async (session) => {
    const { cases } = readReference(EMBEDDED);
    const result = await score(session, ids);
    assert.equal(
      result.tokens.map((t) => [t.position, t.token]),
      ids.slice(1).map((id, i) => [i + 1, id]),
    );
    let sum = 0;
    for (const { position, token, logProbability } of result.tokens) {
      const want = logSoftmax(Float32Array.from(at(at(cases, 0).logits, position - 1)))[token] ?? Number.NaN;
      // Twice the bound of a logit: the token's own, and the normaliser.
      near(logProbability, want, 2e-4);
      sum -= logProbability;
    }
    near(result.meanNegativeLogLikelihood, sum / 13, SAME);
    near(result.perplexity, Math.exp(sum / 13), 1e-9);
    assert.equal(result.lastLogits, (await allLogits(session, ids)).slice(-1024));
    assert.is(result.leftOut, 0);
  }),
);

gpuTest("hands out all logits in order, and says how far it is", (gpu) =>
  withSession(gpu, EMBEDDED, { chunk: 5 }, async (session) => {
    const parts: Float32Array[] = [];
    const progress: number[] = [];
    await score(session, ids, {
      onLogits: (logits, rows) => {
        assert.is(logits.length, rows * 1024);
        parts.push(logits.slice());
      },
      onProgress: (done, total) => {
        assert.is(total, 14);
        progress.push(done);
      },
    });
    assert.equal(progress, [5, 10, 14]);
    assert.equal(joinRows(parts), await allLogits(session, ids));
  }),
);

gpuTest("every window starts anew, and only whole ones count", (gpu) =>
  withSession(gpu, EMBEDDED, {}, async (session) => {
    const windowed = await score(session, ids, { window: 4 });
    // 14 tokens are 13 inputs that predict: three windows of 4, and one input too few for a fourth.
    assert.is(windowed.tokens.length, 12);
    assert.is(windowed.leftOut, 1);
    assert.is(windowed.lastLogits, undefined);
    assert.equal(
      windowed.tokens.map((t) => t.position),
      Array.from({ length: 12 }, (_, i) => i + 1),
    );
    for (const start of [0, 4, 8]) {
      const alone = await score(session, ids.slice(start, start + 5));
      alone.tokens.forEach((t, i) => {
        near(t.logProbability, at(windowed.tokens, start + i).logProbability, 1e-5);
      });
    }
    assert.equal(await score(session, ids, { window: 256 }), await score(session, ids), "one window is no window");
    const exact = await score(session, ids.slice(0, 13), { window: 4 });
    assert.equal([exact.tokens.length, exact.leftOut], [12, 0]);
  }),
);

gpuTest("one token predicts nothing, but has a successor", (gpu) =>
  withSession(gpu, EMBEDDED, {}, async (session) => {
    const result = await score(session, [858]);
    assert.equal(result.tokens, []);
    assert.ok(Number.isNaN(result.perplexity));
    assert.is(result.lastLogits?.length, 1024);
  }),
);

gpuTest("the whole context is scored, and a token more needs windows", (gpu) =>
  inFolder(chainModel(Buffer.from("abcdefghij"), 6), (folder) =>
    withSession(gpu, folder, { target: targetByName("webgpu-default") }, async (session) => {
      const text = [...Buffer.from("abcdefg")];
      const whole = await score(session, text.slice(0, 6));
      assert.is(whole.tokens.length, 5);
      near(whole.perplexity, 1, 1e-3);
      await rejects(score(session, text), /has 7 tokens, but the context is 6.*--window 6/s);
      assert.is((await score(session, text, { window: 6 })).tokens.length, 6);
    }),
  ),
);

gpuTest("refuses an empty text, unknown tokens, and windows that are none", (gpu) =>
  withSession(gpu, EMBEDDED, {}, async (session) => {
    await rejects(score(session, []), /no token to score/);
    await rejects(score(session, [5, 1024]), /token 1024 is not in the vocabulary/);
    for (const window of [0, 1.5, 257])
      await rejects(score(session, ids, { window }), /window: is .* whole number from 1 to 256/s);
  }),
);

test.run();
