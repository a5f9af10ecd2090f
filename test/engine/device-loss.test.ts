// A device that is lost: a model on a device of its own goes on with the same tokens, whenever that comes; one on the caller's says
// whose it is to replace.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openModel } from "../../engine/index.ts";
import { isLoss, type RuntimeError } from "../../runtime/errors.ts";
import { createRng, type GenerateOptions, type Model, openDawn, type Session } from "../../runtime/index.ts";
import { adapter } from "../support/gpu.ts";
import { loseDevices } from "../support/lose-device.ts";
import { EMBEDDED } from "../support/models.ts";
import { rejects } from "../support/rejects.ts";
import { runInProcess } from "../support/run-in-process.ts";
import { skipUnless } from "../support/skip.ts";

const test = suite("device loss");
const gpuTest = skipUnless(test, adapter, "no Vulkan adapter");

const PROMPT = "ROMEO:\n";
const SETTINGS: GenerateOptions = { maxNewTokens: 24, temperature: 0.9, topK: 50, seed: 7 };
const MOMENTS = 20;

async function tokensOf(session: Session, options: Partial<GenerateOptions> = {}): Promise<readonly number[]> {
  const tokens: number[] = [];
  for await (const { token } of session.generate(PROMPT, { ...SETTINGS, ...options })) tokens.push(token);
  return tokens;
}

/** Opens, generates and closes while devices are lost at the moments; what was generated, and what the user was told. */
async function generateWhile(isMoment: (call: number) => boolean) {
  const warnings: string[] = [];
  const losses = loseDevices(isMoment);
  try {
    const model = await openModel(EMBEDDED, { onWarning: (w) => warnings.push(w) });
    try {
      const tokens = await tokensOf(await model.session());
      return { tokens, warnings, calls: losses.calls(), lost: losses.lost() };
    } finally {
      losses.restore();
      await model.close();
    }
  } finally {
    losses.restore();
  }
}

const WENT_ON = /: the device was lost: .*; going on with another one$/;

let whole: ReturnType<typeof generateWhile> | undefined;
/** Without any loss. */
const reference = () => {
  whole ??= generateWhile(() => false);
  return whole;
};

for (let i = 0; i < MOMENTS; i++)
  gpuTest(`goes on with the same tokens after a loss at moment ${i + 1} of ${MOMENTS}`, async () => {
    const { tokens: wanted, calls } = await reference();
    const moment = Math.floor(((i + createRng(11, i).next()) * calls) / MOMENTS);
    const { tokens, warnings, lost } = await generateWhile((call) => call === moment);
    assert.is(lost, 1);
    assert.equal(tokens, wanted, `lost before call ${moment} of ${calls}`);
    assert.is(warnings.length, 1);
    assert.match(warnings[0] ?? "", WENT_ON);
  });

gpuTest("goes on after losses again and again, as long as something comes between them", async () => {
  const warnings: string[] = [];
  const model = await openModel(EMBEDDED, { onWarning: (w) => warnings.push(w) });
  const session = await model.session();
  const losses = loseDevices();
  const tokens: number[] = [];
  for await (const { token } of session.generate(PROMPT, { ...SETTINGS, ahead: 2 }))
    if (tokens.push(token) % 5 === 0) losses.now();
  losses.restore();
  assert.equal(tokens, (await reference()).tokens);
  assert.is(losses.lost(), 4);
  assert.is(warnings.length, 4);
  await model.close();
});

gpuTest("says so after three losses in a row, and again at each later call; the process goes on", async () => {
  const model = await openModel(EMBEDDED, { onWarning: () => undefined });
  const session = await model.session();
  await session.feed([1]);
  const losses = loseDevices((call) => call % 8 === 7);
  const TIMES =
    /^[^\n]*: the device was lost: 3 times in a row, with nothing computed between: .*\nhint: the driver's log/;
  try {
    await rejects(tokensOf(session), TIMES);
  } finally {
    losses.restore();
  }
  for (const call of [() => session.feed([1]), () => session.score([1, 2]), () => model.session()])
    await rejects(call(), TIMES);
  await model.close();
  await rejects(session.feed([1]), /^feed: the session is closed/);
  assert.equal((await generateWhile(() => false)).tokens, (await reference()).tokens);
});

gpuTest("says the same where a model can't be loaded", async () => {
  const losses = loseDevices((call) => call % 50 === 49);
  try {
    await rejects(openModel(EMBEDDED, { onWarning: () => undefined }), /the device was lost: 3 times in a row/);
  } finally {
    losses.restore();
  }
});

/** Two sessions, one of which has gone back, with a call of each on its way. */
async function mixed(model: Model, lose: () => void): Promise<readonly unknown[]> {
  const [a, b] = [await model.session(), await model.session()];
  const first = await tokensOf(a);
  await b.drawAfter([5, 6, 7, 8, 9], { temperature: 1 }, 3);
  await b.rewind(3);
  const calls = [b.feed([11, 12]), b.feed([13]), b.drawAfter([14], { temperature: 1, topK: 9 }, 4)];
  const behind = [b.drawNext(), b.drawNext()];
  await b.reset();
  const after = [b.drawAfter([1, 2], { temperature: 1 }, 5), b.drawNext()];
  lose();
  const kept = tokensOf(a, { keep: true, repetitionPenalty: 1.2 });
  const results = await Promise.all([...calls, ...behind, ...after, kept]);
  const scored = await b.score([3, 4, 5, 6]);
  return [first, ...results, a.tokens, b.tokens, scored.meanNegativeLogLikelihood];
}

gpuTest(
  "all sessions go on, with what they hold and what is on its way, and one device is opened for them",
  async () => {
    const warnings: string[] = [];
    const model = await openModel(EMBEDDED, { onWarning: (w) => warnings.push(w) });
    const wanted = await mixed(model, () => undefined);
    const losses = loseDevices();
    try {
      const got = await mixed(model, losses.now);
      assert.equal(got, wanted);
      assert.is(losses.lost(), 1);
      assert.is(warnings.length, 1, warnings.join("; "));
    } finally {
      losses.restore();
      await model.close();
    }
  },
);

gpuTest("an idle session learns of a loss at its next call", async () => {
  const warnings: string[] = [];
  const model = await openModel(EMBEDDED, { onWarning: (w) => warnings.push(w) });
  const session = await model.session();
  const wanted = [await session.feed([1, 2, 3]), await session.feed([4])];
  await session.reset();
  await session.feed([1, 2, 3]);
  const losses = loseDevices((call) => call === 0);
  // Any call of WebGPU's is one of the model's device here.
  await model.session().then((s) => s.close());
  losses.restore();
  assert.is(losses.lost(), 1);
  assert.equal(await session.feed([4]), wanted[1]);
  assert.is(warnings.length, 1);
  await model.close();
});

gpuTest("on the caller's device, the loss is named by every call, with whose it is to replace", async () => {
  const NAMED = /^[^\n]*: the device was lost: .*\nhint: open another device .* a device that was given is its owner's/;
  const { calls } = await reference();
  for (const share of [0.2, 0.7, 0.9]) {
    const gpu = await openDawn();
    const losses = loseDevices((call) => call === Math.floor(share * calls));
    let model: Model | undefined;
    let session: Session | undefined;
    try {
      const run = async (): Promise<void> => {
        model = await openModel(EMBEDDED, { gpu });
        session = await model.session();
        await tokensOf(session);
      };
      const error: unknown = await run().catch((thrown: unknown) => thrown);
      assert.ok(isLoss(error), `${error}`);
      assert.match((error as RuntimeError).message, NAMED);
    } finally {
      losses.restore();
    }
    await rejects(openModel(EMBEDDED, { gpu }), NAMED);
    if (model) await rejects(model.session(), NAMED);
    if (session) for (const call of [session.feed([1]), session.score([1, 2])]) await rejects(call, NAMED);
    await model?.close();
    gpu.close();
  }
});

gpuTest("`wgpt generate` goes on, and says so", async () => {
  const command = ["generate", PROMPT, "--seed", "3", "--max-new-tokens", "20"];
  const count = loseDevices(() => false);
  const { stdout: wanted } = await runInProcess(command);
  const calls = count.calls();
  count.restore();
  const losses = loseDevices((call) => call === Math.floor(0.8 * calls));
  try {
    const { stdout, stderr, error } = await runInProcess(command);
    assert.is(error, undefined);
    assert.is(stdout, wanted);
    assert.match(stderr, /^wgpt: warning: .*: the device was lost: .*; going on with another one$/m);
  } finally {
    losses.restore();
  }
});

test.run();
