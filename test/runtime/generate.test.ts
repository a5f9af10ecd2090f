// Generation: which tokens come, in what pieces of text, and why it ends.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { targetByName } from "../../codegen/target.ts";
import type { OpenDevice } from "../../runtime/device.ts";
import { type GenerateOptions, type GenerateResult, generate } from "../../runtime/generate.ts";
import type { Session } from "../../runtime/session.ts";
import type { Tokenizer } from "../../runtime/tokenizer.ts";
import { loadTokenizer } from "../../runtime/tokenizer-files.ts";
import { onGpu } from "../support/gpu.ts";
import { chainModel } from "../support/made-models.ts";
import { inFolder } from "../support/make-safetensors.ts";
import { argmax, EMBEDDED, withSession } from "../support/models.ts";
import { rejects } from "../support/rejects.ts";

const test = suite("generate");
const gpuTest = onGpu(test);

const ROMEO = [858, 25, 198];
const GREEDY: GenerateOptions = { maxNewTokens: 20, temperature: 0, seed: 0 };

interface Run extends GenerateResult {
  readonly pieces: readonly string[];
}

async function run(
  session: Session,
  tokenizer: Tokenizer | undefined,
  prompt: readonly number[],
  options: Partial<GenerateOptions> = {},
): Promise<Run> {
  const stream = generate(session, prompt, { ...GREEDY, ...options }, tokenizer);
  const pieces: string[] = [];
  let step = await stream.next();
  for (; !step.done; step = await stream.next()) pieces.push(step.value.text);
  return { ...step.value, pieces };
}

/** A model that says `chain` after its first byte, then the end token. Plain kernels are the quickest to compile. */
const withChain = (
  gpu: OpenDevice,
  chain: string,
  n_ctx: number,
  body: (session: Session, tokenizer: Tokenizer) => Promise<void>,
) =>
  inFolder(chainModel(Buffer.from(chain), n_ctx), async (folder) => {
    const tokenizer = await loadTokenizer(folder);
    if (!tokenizer) throw new Error("the made-up model has no tokenizer");
    await withSession(gpu, folder, { target: targetByName("webgpu-default") }, (session) => body(session, tokenizer));
  });

gpuTest("greedy takes the likeliest token each time", (gpu) =>
  withSession(gpu, EMBEDDED, {}, async (session) => {
    const { tokens, finish } = await run(session, undefined, ROMEO, { maxNewTokens: 8 });
    assert.is(finish, "length");
    assert.is(tokens.length, 8);
    await session.reset();
    let logits = await session.feed(ROMEO);
    for (const token of tokens) {
      assert.is(argmax(logits), token);
      logits = await session.feed([token]);
    }
  }),
);

gpuTest("the same seed gives the same text, another seed another", (gpu) =>
  withSession(gpu, EMBEDDED, {}, async (session) => {
    const tokenizer = await loadTokenizer(EMBEDDED);
    const sampled = (seed: number, more: Partial<GenerateOptions> = {}) =>
      run(session, tokenizer, ROMEO, { temperature: 0.8, topK: 40, seed, maxNewTokens: 12, ...more });
    const first = await sampled(7);
    assert.equal((await sampled(7)).tokens, first.tokens);
    assert.is.not((await sampled(8)).text, first.text);
    assert.equal((await sampled(7, { maxNewTokens: 5 })).tokens, first.tokens.slice(0, 5));
    assert.equal(
      (await sampled(3, { topK: 1 })).tokens,
      (await run(session, tokenizer, ROMEO, { maxNewTokens: 12 })).tokens,
    );
    assert.is(first.pieces.join(""), first.text);
    assert.is(first.text, tokenizer?.decode(first.tokens));
  }),
);

gpuTest("gives as many tokens as asked for, one too, and says how fast", (gpu) =>
  withSession(gpu, EMBEDDED, {}, async (session) => {
    const one = await run(session, undefined, ROMEO, { maxNewTokens: 1 });
    assert.is(one.tokens.length, 1);
    assert.is(one.finish, "length");
    assert.is(one.text, "", "without a tokenizer there is no text");
    assert.ok(one.timeToFirstTokenMs > 0 && one.tokensPerSecond > 0);
    await rejects(run(session, undefined, ROMEO, { maxNewTokens: 0 }), /max-new-tokens: is 0.*1 or more/s);
    await rejects(run(session, undefined, ROMEO, { maxNewTokens: 2.5 }), /max-new-tokens: is 2.5/);
    await rejects(run(session, undefined, ROMEO, { temperature: -1 }), /temperature is -1/);
    await rejects(run(session, undefined, ROMEO, { seed: -1 }), /seed: is -1/);
  }),
);

gpuTest("ends before a stop string that spans tokens, and streams nothing of it", (gpu) =>
  withSession(gpu, EMBEDDED, {}, async (session) => {
    const tokenizer = await loadTokenizer(EMBEDDED);
    const free = await run(session, tokenizer, ROMEO);
    assert.match(free.text, /^I'll tell thee/);
    const stopped = await run(session, tokenizer, ROMEO, { stop: ["nowhere", "ell th"] });
    assert.is(stopped.text, "I'll t");
    assert.is(stopped.pieces.join(""), "I'll t");
    assert.is(stopped.finish, "stop-string");
    assert.ok(stopped.tokens.length < free.tokens.length);
    // The beginning of a stop string is held back, and comes when it turns out to be none: by what follows, or by the end.
    for (const stop of ["tell thou", ", I'll tell nobody"]) {
      const undecided = await run(session, tokenizer, ROMEO, { stop: [stop], maxNewTokens: 8 });
      assert.is(undecided.text, "I'll tell thee, I'll tell");
      assert.is(undecided.pieces.join(""), undecided.text);
    }
    await rejects(run(session, undefined, ROMEO, { stop: ["x"] }), /need a tokenizer/);
    await rejects(run(session, tokenizer, ROMEO, { stop: [""] }), /one is empty/);
  }),
);

gpuTest("ends at the model's end token, or at those it is given, which are no part of the text", (gpu) =>
  withChain(gpu, "abc", 32, async (session, tokenizer) => {
    const ended = await run(session, tokenizer, tokenizer.encode("a"));
    assert.is(ended.text, "bc");
    assert.equal(ended.tokens, [0x62, 0x63]);
    assert.is(ended.finish, "end-token");
    const first = await run(session, undefined, tokenizer.encode("c"));
    assert.equal([first.tokens, first.text, first.finish], [[], "", "end-token"]);
    const sooner = await run(session, tokenizer, tokenizer.encode("a"), { stopTokens: [0x63] });
    assert.equal([sooner.text, sooner.finish], ["b", "end-token"]);
    const ignored = await run(session, tokenizer, tokenizer.encode("a"), { maxNewTokens: 3, stopTokens: [] });
    assert.equal([ignored.tokens, ignored.text], [[0x62, 0x63, 256], "bc<|endoftext|>"]);
  }),
);

gpuTest("draws a seed where none is given, and says which", (gpu) =>
  withChain(gpu, "", 32, async (session) => {
    // This model finds every token as likely as any other.
    const options = { maxNewTokens: 16, temperature: 1, stopTokens: [] };
    const whole = async (seed?: number) => {
      const stream = generate(session, [0x61], { ...options, ...(seed === undefined ? {} : { seed }) });
      for (let step = await stream.next(); ; step = await stream.next()) if (step.done) return step.value;
    };
    const first = await whole();
    assert.equal((await whole(first.seed)).tokens, first.tokens);
    const second = await whole();
    assert.is.not(second.seed, first.seed);
    assert.is.not(second.tokens.join(), first.tokens.join());
  }),
);

gpuTest("streams characters of several bytes whole", (gpu) =>
  withChain(gpu, "aé€😀!", 32, async (session, tokenizer) => {
    const all = await run(session, tokenizer, tokenizer.encode("a"));
    assert.equal(all.pieces, ["", "é", "", "", "€", "", "", "", "😀", "!"]);
    assert.is(all.text, "é€😀!");
    const stopped = await run(session, tokenizer, tokenizer.encode("a"), { stop: ["😀"] });
    assert.is(stopped.text, "é€");
    const cut = await run(session, tokenizer, tokenizer.encode("a"), { maxNewTokens: 4 });
    assert.is(cut.text, "é\uFFFD", "what is unfinished at the end is shown as such");
    assert.is(cut.pieces.join(""), cut.text);
  }),
);

gpuTest("says that the context is full, after what its last place predicts", (gpu) =>
  withChain(gpu, "abcdefghij", 6, async (session, tokenizer) => {
    const full = await run(session, tokenizer, tokenizer.encode("ab"));
    // Six places hold a to f, and the last of them predicts g.
    assert.is(full.text, "cdefg");
    assert.is(full.finish, "context");
    assert.is((await run(session, tokenizer, tokenizer.encode("ab"), { maxNewTokens: 5 })).finish, "length");
    assert.is((await run(session, tokenizer, tokenizer.encode("abcde"))).text, "fg");
    // A prompt may fill the context: its last place predicts one token.
    assert.equal(pick(await run(session, tokenizer, tokenizer.encode("abcdef"))), ["g", "context"]);
  }),
);

const pick = ({ text, finish }: GenerateResult) => [text, finish];

gpuTest("gives the same tokens however many steps are queued ahead", (gpu) =>
  withSession(gpu, EMBEDDED, { chunk: 4 }, async (session) => {
    for (const settings of [{ temperature: 0 }, { temperature: 0.9, topK: 50, topP: 0.95 }]) {
      const one = await run(session, undefined, ROMEO, { ...settings, ahead: 1, seed: 5, maxNewTokens: 40 });
      for (const ahead of [2, 8, 100, undefined]) {
        const more = ahead === undefined ? {} : { ahead };
        const many = await run(session, undefined, ROMEO, { ...settings, ...more, seed: 5, maxNewTokens: 40 });
        assert.equal(many.tokens, one.tokens, `ahead ${ahead}`);
      }
    }
    await rejects(run(session, undefined, ROMEO, { ahead: 0 }), /ahead: is 0.*1 or more/s);
  }),
);

gpuTest("leaves nothing behind when it stops with steps still queued", (gpu) =>
  withChain(gpu, "abcdefghijklmnop", 32, async (session, tokenizer) => {
    const stopped = () => run(session, tokenizer, tokenizer.encode("a"), { stop: ["d"], ahead: 16 });
    const first = await stopped();
    assert.equal([first.text, first.tokens], ["bc", [0x62, 0x63, 0x64]]);
    assert.is(session.past, 3, "it holds what was seen, but for the last token, which was fed to nothing that is seen");
    // What the queue wrote beyond the stop is neither read nor in the way, of logits either.
    assert.is(argmax(await session.feed([0x64])), 0x65);
    assert.equal((await stopped()).tokens, first.tokens);
    const stream = generate(session, tokenizer.encode("a"), { ...GREEDY, ahead: 16 }, tokenizer);
    assert.is((await stream.next()).done, false);
    await stream.return({} as GenerateResult);
    assert.is(session.past, 1);
    assert.is((await run(session, tokenizer, tokenizer.encode("m"), { maxNewTokens: 2 })).text, "no");
  }),
);

gpuTest("keeps memory flat over a thousand tokens", (gpu) =>
  withSession(gpu, EMBEDDED, {}, async (session) => {
    const thousand = async () => {
      for (let i = 0; i < 4; i++)
        await run(session, undefined, ROMEO, { temperature: 1, seed: i, maxNewTokens: 250, ahead: 8 });
    };
    await run(session, undefined, ROMEO, { maxNewTokens: 200 });
    const before = process.memoryUsage.rss();
    await thousand();
    const grown = process.memoryUsage.rss() - before;
    // A leaked command buffer of 34 dispatches a token would be some 10 MB in all; what the collector has not yet freed is less.
    assert.ok(grown < 48 * 1024 * 1024, `grew by ${grown} bytes`);
  }),
);

gpuTest("never draws what is suppressed, nor an id without a text but a stop token", (gpu) =>
  withChain(gpu, "abc", 8, async (session, tokenizer) => {
    const [a = 0, b = 0] = tokenizer.encode("ab");
    assert.is((await run(session, tokenizer, [a], { maxNewTokens: 1 })).text, "b");
    assert.not.equal((await run(session, tokenizer, [a], { maxNewTokens: 1, suppressTokens: [b] })).text, "b");
    // The settings of one generation are none of the next.
    assert.is((await run(session, tokenizer, [a], { maxNewTokens: 1 })).text, "b");
    const holes: Tokenizer = { ...tokenizer, has: (id) => id !== b && tokenizer.has(id) };
    assert.not.equal((await run(session, holes, [a], { maxNewTokens: 1 })).tokens, [b]);
    assert.is((await run(session, holes, [a], { stopTokens: [b] })).finish, "end-token");
    await rejects(run(session, tokenizer, [a], { suppressTokens: [257] }), /sampler: suppressTokens has 257/);
    const all = Array.from({ length: 257 }, (_, id) => id);
    await rejects(run(session, tokenizer, [a], { suppressTokens: all }), /suppressTokens has all 257 ids/);
  }),
);

gpuTest("refuses a prompt that does not fit, and one without tokens", (gpu) =>
  withChain(gpu, "abcdefghij", 6, async (session, tokenizer) => {
    await rejects(run(session, tokenizer, tokenizer.encode("abcdefg")), /prompt: has 7 tokens, but the context is 6/);
    await rejects(run(session, tokenizer, []), /prompt: has no token/);
    await rejects(run(session, tokenizer, [300]), /token 300 is not in the vocabulary of 257/);
  }),
);

gpuTest("each token is yielded once, also where the end of the text was held back", (gpu) =>
  withChain(gpu, "abé.", 16, async (session, tokenizer) => {
    // The end of the text may be the beginning of a stop string, and the last step may end within a character.
    for (const [maxNewTokens, stop] of [
      [3, []],
      [2, ["b?"]],
      [5, [".!"]],
      [3, ["bé?"]],
    ] as const) {
      const stream = generate(session, [97], { ...GREEDY, maxNewTokens, stop }, tokenizer);
      const steps: { readonly token: number; readonly text: string }[] = [];
      let step = await stream.next();
      for (; !step.done; step = await stream.next()) steps.push(step.value);
      assert.equal(
        steps.map((s) => s.token),
        step.value.tokens,
      );
      assert.is(steps.map((s) => s.text).join(""), step.value.text);
    }
  }),
);

gpuTest("a call that waits does what it was asked for, whatever becomes of the caller's lists", (gpu) =>
  withSession(gpu, EMBEDDED, {}, async (session) => {
    const alone = await run(session, undefined, ROMEO, { maxNewTokens: 4 });
    const turn = await session.takeTurn();
    const prompt = [...ROMEO];
    const waiting = run(session, undefined, prompt, { maxNewTokens: 4 });
    const fed = session.feed(prompt);
    prompt.fill(1);
    turn.end();
    assert.equal((await waiting).tokens, alone.tokens);
    await session.reset();
    const wanted = await session.feed(ROMEO);
    assert.is((await fed).length, wanted.length);
  }),
);

test.run();
