// Sessions of one model: each gives what it gives alone, however their steps lie between each other; what a session keeps, what
// it says of likelihoods, and how it is stopped.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileModel } from "../../codegen/compile.ts";
import { targetByName, targetForAdapter } from "../../codegen/target.ts";
import { type Family, type ModelRoles, parseGraph, printGraph } from "../../ir/index.ts";
import { type Gpt2Config, readGpt2Config } from "../../ir/models/gpt2/config.ts";
import { gpt2 } from "../../ir/models/gpt2/family.ts";
import type { OpenDevice } from "../../runtime/device.ts";
import type { GenerateOptions, GenerateResult, GenerateStep } from "../../runtime/generate.ts";
import { logSoftmax } from "../../runtime/log-probabilities.ts";
import { Model } from "../../runtime/model.ts";
import { createRng, type Rng } from "../../runtime/rng.ts";
import type { Session } from "../../runtime/session.ts";
import { loadTokenizer } from "../../runtime/tokenizer-files.ts";
import { openRandomWeights } from "../../runtime/weights/random.ts";
import { sourcesOf } from "../../runtime/weights/storage.ts";
import { onGpu } from "../support/gpu.ts";
import { argmax, EMBEDDED, withSession } from "../support/models.ts";
import { rejects } from "../support/rejects.ts";

const test = suite("session");
const gpuTest = onGpu(test);

const ROMEO = [858, 25, 198];
const CONFIG = readGpt2Config({ n_layer: 1, n_head: 2, n_embd: 16, n_ctx: 32, vocab_size: 61 });

async function collect(
  stream: AsyncGenerator<GenerateStep, GenerateResult>,
): Promise<GenerateResult & { readonly steps: readonly GenerateStep[] }> {
  const steps: GenerateStep[] = [];
  let step = await stream.next();
  for (; !step.done; step = await stream.next()) steps.push(step.value);
  return { ...step.value, steps };
}

/** A tiny model of random weights; plain kernels are the quickest to compile. */
async function tinyModel(gpu: OpenDevice, family: Family<Gpt2Config> = gpt2): Promise<Model> {
  const { plan } = compileModel(family, CONFIG, { target: targetByName("webgpu-default"), chunk: 4 });
  return Model.load(gpu, plan, openRandomWeights(sourcesOf(plan.weights), 3, "F32"));
}

interface Job {
  readonly prompt: readonly number[];
  readonly options: GenerateOptions;
  /** What is done with the session besides: a second prompt that shares its beginning, a rewind, a stop half-way. */
  readonly after: "nothing" | "keep" | "rewind" | "abort" | "leave";
}

const jobOf = (seed: number): Job => {
  const rng = createRng(seed);
  const pick = (n: number) => Math.floor(rng.next() * n);
  return {
    prompt: Array.from({ length: 1 + pick(9) }, () => pick(61)),
    options: {
      maxNewTokens: 2 + pick(5),
      temperature: [0, 0.7, 1.5][pick(3)] ?? 1,
      ...(pick(2) === 0 && { topK: 20 }),
      ...(pick(3) === 0 && { repetitionPenalty: 1.3 }),
      ...(pick(4) === 0 && { logprobs: 2 }),
      ...(pick(2) === 0 && { ahead: 1 + pick(6) }),
      seed,
    },
    after: (["nothing", "keep", "rewind", "abort", "leave"] as const)[pick(5)] ?? "nothing",
  };
};

/** Does a job on a session; between its steps, others may run. What it saw, as text. */
async function work(session: Session, { prompt, options, after }: Job, pause: () => Promise<void>): Promise<string> {
  const seen: unknown[] = [];
  const run = async (ids: readonly number[], given: GenerateOptions, most = Number.POSITIVE_INFINITY) => {
    const stopping = new AbortController();
    const stream = session.generate(ids, { ...given, signal: stopping.signal });
    for await (const { token, logprob } of stream) {
      seen.push(token, ...(logprob === undefined ? [] : [logprob.toFixed(4)]));
      if (seen.length >= most && after === "abort") stopping.abort();
      if (seen.length >= most && after === "leave") break;
      await pause();
    }
  };
  await run(prompt, options, after === "abort" || after === "leave" ? 2 : undefined);
  await pause();
  if (after === "keep") await run([...session.tokens, 7, 8], { ...options, keep: true });
  if (after === "rewind") {
    await session.rewind(1);
    seen.push(argmax(await session.feed([5, 6])));
  }
  seen.push(session.past, ...session.tokens);
  return seen.join();
}

gpuTest("20 sessions at random on one model give what each gives alone, in 200 schedules", async (gpu) => {
  const model = await tinyModel(gpu);
  try {
    const JOBS = 60;
    const alone: string[] = [];
    const own = await model.session();
    for (let seed = 0; seed < JOBS; seed++) {
      await own.reset();
      alone.push(await work(own, jobOf(seed), async () => undefined));
    }
    own.close();
    assert.ok(new Set(alone).size > JOBS * 0.9, "the jobs differ");
    const sessions = await Promise.all(Array.from({ length: 20 }, () => model.session()));
    for (let schedule = 0; schedule < 200; schedule++) {
      const rng = createRng(1000 + schedule);
      const jobs = sessions.map(() => Math.floor(rng.next() * JOBS));
      const pause = schedule % 2 === 0 ? yields(rng) : inTurns(rng);
      const results = await Promise.all(
        sessions.map(async (session, i) => {
          await session.reset();
          return work(session, jobOf(jobs[i] ?? 0), pause);
        }),
      );
      for (const [i, job] of jobs.entries())
        assert.is(
          results[i],
          alone[job],
          `schedule ${schedule}, session ${i}, job ${job}: ${JSON.stringify(jobOf(job))}`,
        );
    }
  } finally {
    await model.close();
  }
});

/** Lets others run for a few turns of the microtask queue, or of the event loop. */
const yields = (rng: Rng) => async (): Promise<void> => {
  const turns = Math.floor(rng.next() * 4);
  for (let i = 0; i < turns; i++)
    await (rng.next() < 0.3 ? new Promise((resolve) => setImmediate(resolve)) : undefined);
};

/** Wakes those that wait in an order that the seed decides. */
function inTurns(rng: Rng): () => Promise<void> {
  const waiting: (() => void)[] = [];
  const wake = () => {
    for (let n = 1 + Math.floor(rng.next() * waiting.length); n > 0; n--)
      waiting.splice(Math.floor(rng.next() * waiting.length), 1)[0]?.();
    if (waiting.length > 0) setImmediate(wake);
  };
  return () =>
    new Promise((resolve) => {
      if (waiting.push(resolve) === 1) setImmediate(wake);
    });
}

gpuTest("the runtime asks for roles and knows no name: another family's names give the same tokens", async (gpu) => {
  const roles: ModelRoles = {
    tokens: "history",
    settings: "how",
    seed: "dice",
    suppressed: "never",
    newTokens: "fresh",
    pastTokens: "before",
  };
  const NAMES: Readonly<Record<string, string>> = {
    ...{
      tokens: "history",
      settings: "how",
      seed: "dice",
      suppressed: "never",
      logits: "scores",
      T: "fresh",
      P: "before",
    },
  };
  const renamed: Family<Gpt2Config> = {
    ...gpt2,
    name: "renamed",
    roles,
    graph: (config, entry) =>
      parseGraph(
        printGraph(gpt2.graph(config, entry)).replace(/(?<![\w.])[A-Za-z]\w*(?![\w.])/g, (w) => NAMES[w] ?? w),
      ),
  };
  const settings = { maxNewTokens: 12, temperature: 1, repetitionPenalty: 1.2, seed: 4 };
  const results: unknown[] = [];
  for (const family of [gpt2, renamed]) {
    const model = await tinyModel(gpu, family);
    const session = await model.session();
    const { tokens } = await collect(session.generate([1, 2, 3, 4, 5, 6], settings));
    const { perplexity } = await session.score([1, 2, 3, 4, 5, 6]);
    results.push([tokens, perplexity]);
    await model.close();
  }
  assert.equal(results[1], results[0]);
  assert.throws(
    () => compileModel({ ...gpt2, roles: { ...roles, tokens: "nowhere" } }, CONFIG),
    /its roles name a state nowhere and a symbol fresh and a symbol before, which graph gpt2 does not have/,
  );
});

gpuTest("log-probabilities are those of the model, whatever the settings of the draw and the steps ahead", (gpu) =>
  withSession(gpu, EMBEDDED, { target: targetForAdapter(gpu.adapter) }, async (session) => {
    const settings = { maxNewTokens: 8, temperature: 0.7, topK: 5, repetitionPenalty: 1.1, seed: 3 };
    const plain = await collect(session.generate(ROMEO, settings));
    for (const ahead of [1, 2, 8]) {
      const { steps, tokens } = await collect(session.generate(ROMEO, { ...settings, ahead, logprobs: 3 }));
      assert.equal(tokens, plain.tokens, "it changes no token");
      await session.reset();
      let logits = await session.feed(ROMEO);
      for (const { token, logprob = Number.NaN, top = [] } of steps) {
        const want = logSoftmax(logits);
        // The head of a prefill and of a decode step sum in another order.
        assert.ok(Math.abs(logprob - (want[token] ?? 0)) < 1e-4, `${logprob} for ${want[token]}`);
        assert.is(top.length, 3);
        assert.is(top[0]?.id, argmax(logits));
        logits = await session.feed([token]);
      }
    }
    const { steps } = await collect(session.generate(ROMEO, { ...settings, logprobs: 0 }));
    assert.ok(steps.every(({ logprob, top }) => logprob !== undefined && top?.length === 0));
    assert.ok(plain.steps.every((step) => !("logprob" in step)));
    await rejects(session.generate(ROMEO, { ...settings, logprobs: 1.5 }).next(), /logprobs: is 1\.5/);
  }),
);

gpuTest("a repetition penalty and min-p do to the whole model what they do to its logits on the host", (gpu) =>
  withSession(gpu, EMBEDDED, {}, async (session) => {
    const repetitionPenalty = 1.4;
    const { tokens } = await collect(
      session.generate(ROMEO, { maxNewTokens: 16, temperature: 0, repetitionPenalty, seed: 0 }),
    );
    const seen = new Set(ROMEO);
    await session.reset();
    let logits = await session.feed(ROMEO);
    for (const token of tokens) {
      const penalised = logits.map((z, id) =>
        !seen.has(id) ? z : z > 0 ? z / repetitionPenalty : z * repetitionPenalty,
      );
      assert.is(token, argmax(penalised));
      seen.add(token);
      logits = await session.feed([token]);
    }
    const greedy = await collect(session.generate(ROMEO, { maxNewTokens: 16, temperature: 0, seed: 0 }));
    assert.not.equal(tokens, greedy.tokens);
    const strict = { maxNewTokens: 16, temperature: 1.5, minP: 1, seed: 8 };
    assert.equal((await collect(session.generate(ROMEO, strict))).tokens, greedy.tokens);
  }),
);

gpuTest("keeps the beginning that the next prompt shares, and reads only the rest", async (gpu) => {
  const model = await tinyModel(gpu);
  try {
    const session = await model.session();
    const fresh = await model.session();
    const options = { maxNewTokens: 4, temperature: 0, seed: 0 };
    let text: number[] = [1, 2, 3, 4, 5, 6, 7];
    for (const addition of [[8, 9], [10], [11, 12, 13]]) {
      const { tokens } = await collect(session.generate(text, { ...options, keep: true }));
      assert.equal(tokens, (await collect(fresh.generate(text, options))).tokens);
      assert.equal(session.tokens, [...text, ...tokens.slice(0, -1)]);
      text = [...text, ...tokens, ...addition];
    }
    // How much it kept: of the same prompt all but the last token, of another one nothing.
    const kept = async (prompt: readonly number[]): Promise<number> => {
      let fed = 0;
      const { sequence, end } = await session.takeTurn();
      const { drawAfter } = sequence;
      sequence.drawAfter = (ids, ...rest) => {
        fed = ids.length;
        return drawAfter.call(sequence, ids, ...rest);
      };
      end();
      await collect(session.generate(prompt, { ...options, maxNewTokens: 1, keep: true }));
      sequence.drawAfter = drawAfter;
      return prompt.length - fed;
    };
    assert.is(await kept([1, 2, 3, 4]), 3);
    assert.is(await kept([1, 2, 3, 4]), 3, "again");
    assert.is(await kept([1, 2, 9, 4]), 2);
    assert.is(await kept([5, 2, 9, 4]), 0);
    await session.rewind(2);
    assert.is(await kept([5, 2, 9, 4]), 2);
    await session.reset();
    assert.is(await kept([5, 2, 9, 4]), 0);
    assert.equal(session.tokens, [5, 2, 9, 4]);
  } finally {
    await model.close();
  }
});

gpuTest("ends at the next token once its signal is aborted, and goes on with the next call", async (gpu) => {
  const model = await tinyModel(gpu);
  try {
    const session = await model.session();
    const options = { maxNewTokens: 20, temperature: 0, seed: 0 };
    const whole = await collect(session.generate([1, 2], options));
    const stopping = new AbortController();
    const stream = session.generate([1, 2], { ...options, signal: stopping.signal });
    const tokens: number[] = [];
    let step = await stream.next();
    for (; !step.done; step = await stream.next()) if (tokens.push(step.value.token) === 3) stopping.abort();
    assert.is(step.value.finish, "aborted");
    assert.equal([tokens, step.value.tokens], [whole.tokens.slice(0, 3), whole.tokens.slice(0, 3)]);
    const none = await collect(session.generate([1, 2], { ...options, signal: AbortSignal.abort() }));
    assert.equal([none.finish, none.tokens], ["aborted", []]);
    assert.equal((await collect(session.generate([1, 2], options))).tokens, whole.tokens);
  } finally {
    await model.close();
  }
});

gpuTest("takes texts where the model has a tokenizer, and says where it has none", async (gpu) => {
  const model = await tinyModel(gpu);
  const session = await model.session();
  await rejects(
    session.generate("text", { maxNewTokens: 1, temperature: 0 }).next(),
    /prompt: is a text, but the model has no/,
  );
  await rejects(session.score("text"), /text: is a text, but the model has no tokenizer/);
  await model.close();
  await rejects(model.session(), /the model is closed/);
  await rejects(session.feed([1]), /the session is closed/);
  const tokenizer = await loadTokenizer(EMBEDDED);
  await withSession(gpu, EMBEDDED, { tokenizer }, async (opened) => {
    const { text } = await collect(opened.generate("ROMEO:\n", { maxNewTokens: 5, temperature: 0 }));
    const ids = tokenizer?.encode("ROMEO:\n") ?? [];
    assert.is(text, (await collect(opened.generate(ids, { maxNewTokens: 5, temperature: 0 }))).text);
    assert.is((await opened.score("ROMEO:\nO")).tokens.length, (tokenizer?.encode("ROMEO:\nO").length ?? 0) - 1);
  });
});

test.run();
