// A model holds one sequence: whatever runs at once on it, each caller gets what it gets alone. Turns by themselves:
// turns.test.ts.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { targetByName } from "../../codegen/target.ts";
import { BundleModel } from "../../runtime/bundle-model.ts";
import type { OpenDevice } from "../../runtime/device.ts";
import { drawAhead } from "../../runtime/draw-ahead.ts";
import { type GenerateOptions, type GenerateResult, generate } from "../../runtime/generate.ts";
import type { Model } from "../../runtime/model.ts";
import { createRng, type Rng } from "../../runtime/rng.ts";
import { score } from "../../runtime/score.ts";
import type { Session } from "../../runtime/session.ts";
import { onGpu } from "../support/gpu.ts";
import { seededCheckpoint } from "../support/made-models.ts";
import { inFolder } from "../support/make-safetensors.ts";
import { withSession } from "../support/models.ts";
import { rejects } from "../support/rejects.ts";

const test = suite("sequence");
const gpuTest = onGpu(test);

const N_VOCAB = 61;
const CONFIG = { n_layer: 2, n_head: 2, n_embd: 16, n_ctx: 48, n_vocab: N_VOCAB };
const OPTIONS: GenerateOptions = { maxNewTokens: 10, temperature: 0, seed: 1 };

const withSmallModel = (gpu: OpenDevice, body: (session: Session, model: Model) => Promise<void>) =>
  inFolder(seededCheckpoint(CONFIG), (folder) =>
    withSession(gpu, folder, { target: targetByName("webgpu-default"), chunk: 8 }, (session, _, model) =>
      body(session, model),
    ),
  );

/** Lets others run, for as long as the generator of numbers says. */
async function pause(rng: Rng): Promise<void> {
  for (let turns = Math.floor(rng.next() * 4); turns > 0; turns--)
    await new Promise((resolve) => setImmediate(resolve));
}

type Job = (session: Session, rng: Rng) => Promise<unknown>;

/** Ways to use a model, to the end and not; each gives something that another caller in between would change. */
const ways: Readonly<Record<string, (prompt: readonly number[], seed: number) => Job>> = {
  generate: (prompt, seed) => async (session, rng) => {
    const tokens: number[] = [];
    for await (const { token } of generate(session, prompt, { ...OPTIONS, temperature: 1, seed })) {
      tokens.push(token);
      await pause(rng);
    }
    return tokens;
  },
  "generate, left early": (prompt, seed) => async (session) => {
    const tokens: number[] = [];
    for await (const { token } of generate(session, prompt, OPTIONS)) {
      tokens.push(token);
      if (tokens.length > seed % 4) break;
    }
    return tokens;
  },
  "generate, with a caller that throws": (prompt, seed) => async (session) => {
    const tokens: number[] = [];
    try {
      for await (const { token } of session.generate(prompt, OPTIONS)) {
        tokens.push(token);
        if (tokens.length > seed % 3) throw new Error("the caller's");
      }
    } catch (error) {
      tokens.push(-String(error).length);
    }
    return tokens;
  },
  "generate, told to return": (prompt) => async (session, rng) => {
    const stream = generate(session, prompt, OPTIONS);
    const steps = [await stream.next(), await stream.next()];
    await pause(rng);
    await stream.return({} as GenerateResult);
    return steps.map(({ value }) => (value as { token: number }).token);
  },
  "generate, with a wrong setting": (prompt) => (session) =>
    generate(session, prompt, { ...OPTIONS, temperature: -1 })
      .next()
      .catch(String),
  "generate, never started": (prompt) => async (session) => {
    generate(session, prompt, OPTIONS);
    return "nothing";
  },
  score: (prompt) => async (session, rng) =>
    (await score(session, prompt, { window: 3, onLogits: () => pause(rng) })).tokens.map((t) => t.logProbability),
  "score, with a listener that throws": (prompt) => (session) =>
    score(session, prompt, {
      onProgress: () => {
        throw new Error("the caller's");
      },
    }).catch(String),
  "a turn of several calls": (prompt, seed) => async (session, rng) => {
    const { sequence, end } = await session.takeTurn();
    try {
      sequence.reset();
      const tokens = [await sequence.drawAfter(prompt, { temperature: 0.9 }, seed)];
      await pause(rng);
      tokens.push(...(await Promise.all([sequence.drawNext(), sequence.drawNext()])));
      sequence.rewind(prompt.length);
      await pause(rng);
      return [...tokens, ...(await sequence.feed([seed % N_VOCAB]))];
    } finally {
      end();
    }
  },
};

gpuTest("gives each caller what it gets alone, in any order and however the others end", (gpu) =>
  withSmallModel(gpu, async (session) => {
    const jobs = Object.values(ways).flatMap((way, w) =>
      [0, 1].map((i) => {
        const rng = createRng(100 * w + i);
        const prompt = Array.from({ length: 4 + Math.floor(rng.next() * 9) }, () => Math.floor(rng.next() * N_VOCAB));
        return way(prompt, 7 * w + i);
      }),
    );
    const alone: unknown[] = [];
    for (const job of jobs) alone.push(await job(session, createRng(1)));
    assert.is(new Set(alone.map((result) => JSON.stringify(result))).size, jobs.length - 3, "the jobs differ");
    for (let seed = 0; seed < 12; seed++) {
      const rng = createRng(seed);
      const picked = Array.from({ length: 9 }, () => Math.floor(rng.next() * jobs.length));
      const results = await Promise.all(
        picked.map(async (index, i) => {
          if (seed % 2 === 1) await pause(createRng(seed, i));
          return jobs[index]?.(session, createRng(seed, 1000 * i));
        }),
      );
      results.forEach((result, i) => {
        const index = picked[i] ?? -1;
        const way = Object.keys(ways)[index >> 1];
        assert.equal(result, alone[index], `seed ${seed}, call ${i}: ${way} gives what it gives alone`);
      });
    }
    // Whatever came before, nothing has the model any more.
    await session.reset({ busy: "refuse" });
  }),
);

gpuTest("every call waits for a generation, or refuses by its name", (gpu) =>
  withSmallModel(gpu, async (session) => {
    const stream = generate(session, [1, 2, 3], OPTIONS);
    await stream.next();
    const busy = { busy: "refuse" } as const;
    const refused: readonly (readonly [string, Promise<unknown>])[] = [
      ["feed", session.feed([1], busy)],
      ["feedAll", session.feedAll([1], busy).next()],
      ["drawAfter", session.drawAfter([1], OPTIONS, 1, busy)],
      ["drawNext", session.drawNext(busy)],
      ["rewind", session.rewind(0, busy)],
      ["reset", session.reset(busy)],
      ["takeTurn", session.takeTurn(busy)],
      ["drawAhead", drawAhead(session, [1], { ...OPTIONS, seed: 1, count: 1, ...busy }).next()],
      ["generate", generate(session, [1], { ...OPTIONS, ...busy }).next()],
      ["score", score(session, [1, 2], busy)],
    ];
    for (const [call, result] of refused)
      await rejects(result, new RegExp(`^${call}: the session is busy with generate`));
    let done = false;
    const waiting = [session.reset(), session.feed([5, 6]), session.drawAfter([7], OPTIONS, 1)] as const;
    void waiting[0].then(() => {
      done = true;
    });
    await stream.next();
    assert.not.ok(done, "nothing is reset while the generation goes on");
    await stream.return({} as GenerateResult);
    const [, , drawn] = await Promise.all(waiting);
    assert.is(session.past, 3, "the calls that waited came one after the other");
    await session.reset();
    assert.is(await session.drawAfter([5, 6, 7], OPTIONS, 1), drawn);
  }),
);

gpuTest("several draws may still be on their way at once", (gpu) =>
  withSmallModel(gpu, async (session) => {
    const alone: number[] = [];
    for await (const token of drawAhead(session, [3, 4], { ...OPTIONS, seed: 1, count: 6 })) alone.push(token);
    await session.reset();
    const drawn = [session.drawAfter([3, 4], OPTIONS, 1), ...Array.from({ length: 5 }, () => session.drawNext())];
    assert.is(session.past, 7, "all are queued before the first is there");
    assert.equal(await Promise.all(drawn), alone);
  }),
);

gpuTest("appends no token but one that was drawn as asked for", (gpu) =>
  withSmallModel(gpu, async (session) => {
    const none = /^session: there is no drawn token to append/;
    await rejects(session.drawNext(), none);
    const first = await session.drawAfter([3, 4], OPTIONS, 1);
    const second = await session.drawNext();
    await session.feed([5]);
    await rejects(session.drawNext(), none);
    for await (const _ of session.feedAll([5, 6]));
    await rejects(session.drawNext(), none);
    await session.reset();
    await rejects(session.drawNext(), none);
    assert.is(await session.drawAfter([3, 4], OPTIONS, 1), first);
    assert.is(await session.drawNext(), second);
    await session.rewind(2);
    assert.is(await session.drawNext(), second, "what it goes back to stands there still");
  }),
);

gpuTest("knows the tokens that it holds, also those that were on their way when it went back", (gpu) =>
  withSmallModel(gpu, async (session) => {
    const drawn = [session.drawAfter([3, 4], OPTIONS, 1), session.drawNext(), session.drawNext()];
    const back = session.rewind(4);
    const tokens = await Promise.all(drawn);
    await back;
    assert.equal(session.tokens, [3, 4, ...tokens.slice(0, 2)]);
    const late = [session.drawNext(), session.rewind(2), session.feed([7, 8])];
    await Promise.all(late);
    assert.equal(session.tokens, [3, 4, 7, 8]);
  }),
);

gpuTest("closed, every call says so: one that runs, those that wait, and those that come", (gpu) =>
  withSmallModel(gpu, async (session, model) => {
    const stream = generate(session, [1, 2, 3], { ...OPTIONS, ahead: 8 });
    await stream.next();
    const running = stream.next().then(() => stream.next());
    const scoring = score(session, [1, 2, 3]);
    const waiting = [session.feed([1]), generate(session, [1], OPTIONS).next(), scoring, session.reset()];
    session.close();
    session.close();
    await rejects(running, /the session is closed.*open another one/s);
    for (const call of waiting) await rejects(call, /the session is closed/);
    assert.is((await stream.next()).done, true, "the generation has ended");
    const bundle = new BundleModel(model, session, "base");
    const later: readonly Promise<unknown>[] = [
      session.feed([1]),
      session.feedAll([1]).next(),
      session.drawAfter([1], OPTIONS, 1),
      session.drawNext(),
      session.rewind(0),
      session.reset(),
      session.takeTurn(),
      drawAhead(session, [1], { ...OPTIONS, seed: 1, count: 1 }).next(),
      generate(session, [1], OPTIONS).next(),
      score(session, [1, 2]),
      bundle.append([1], [1, N_VOCAB]),
      bundle.appendAll([1], N_VOCAB),
      bundle.generate([1], OPTIONS).next(),
      bundle.reset(),
    ];
    for (const call of later) await rejects(call, /^\w+: the session is closed/);
  }),
);

gpuTest("closed in the middle, a score and a turn end, and leaving a loop is no error", (gpu) =>
  withSmallModel(gpu, async (session) => {
    const { sequence, end } = await session.takeTurn();
    const feeding = sequence.feed([1, 2, 3]);
    const scoring = score(session, [1, 2, 3], { onLogits: () => session.close() });
    await feeding;
    end();
    // One chunk and no more to feed: what was read is right, closed or not.
    assert.is((await scoring).tokens.length, 2);
    assert.throws(() => sequence.reset(), /the session is closed/);
  }).then(() =>
    withSmallModel(gpu, async (session) => {
      for await (const _ of generate(session, [1, 2, 3], OPTIONS)) {
        session.close();
        break;
      }
      await rejects(score(session, [1, 2]), /the session is closed/);
    }),
  ),
);

gpuTest("a score of several windows ends when the session is closed", (gpu) =>
  withSmallModel(gpu, async (session) => {
    const scoring = score(session, [1, 2, 3, 4, 5], { window: 2, onLogits: () => session.close() });
    await rejects(scoring, /the session is closed/);
  }),
);

test.run();
