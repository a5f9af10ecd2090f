// Generation as a stream: tokens one by one, text as soon as it is certain, and why it ended.
import { checkOptions, copyPrompt } from "./check-call.ts";
import { checkAhead, drawAheadOn } from "./draw-ahead.ts";
import { optionError, RuntimeError } from "./errors.ts";
import { logSoftmax, type TokenScore, topTokens } from "./log-probabilities.ts";
import { checkSampler, checkSeed, type SamplerSettings } from "./sampling.ts";
import type { Sequence } from "./sequence.ts";
import type { Prompt, SequenceOwner } from "./sequence-owner.ts";
import { StopMatcher, TextStream } from "./text-stream.ts";
import type { Tokenizer } from "./tokenizer.ts";
import type { TurnOptions } from "./turns.ts";
import { checkIds, endTokens, idsWithoutText } from "./vocabulary.ts";

export interface GenerateOptions extends SamplerSettings, TurnOptions {
  readonly maxNewTokens: number;
  /** The same seed and settings give the same tokens on the same adapter. A random one when absent; the result says which. */
  readonly seed?: number;
  /** Texts at which generation ends; they are not part of the result. */
  readonly stop?: readonly string[];
  /** Tokens at which generation ends; they are not part of the result. The model's `endTokens` when absent, none for `[]`. */
  readonly stopTokens?: readonly number[];
  /** Steps queued on the GPU at once; chosen by how long a step takes when absent. It changes no token. */
  readonly ahead?: number;
  /** An `AbortSignal`: ends the generation at the next token once it is aborted, with what there is by then. */
  readonly signal?: { readonly aborted: boolean };
  /**
   * With each token, its log-probability and those of so many most likely ones; 0 gives the token's own alone. They are the model's, in
   * nats: of the softmax of the logits as they are, before any setting of the draw. Costs that the logits are read back.
   */
  readonly logprobs?: number;
  /**
   * Keeps of what the session holds the longest beginning that it shares with the prompt, and reads only the rest of that. A chat that
   * grows costs no more than what is new in it.
   */
  readonly keep?: boolean;
}

/** Why a generation ended: the length asked for, an end token, a stop string, a full context, or the caller's signal. */
export type FinishReason = "length" | "end-token" | "stop-string" | "context" | "aborted";

/** A whole generation. The prompt is not part of it. */
export interface GenerateResult {
  readonly tokens: readonly number[];
  readonly text: string;
  readonly finish: FinishReason;
  /** With it, the same call gives the same tokens again. */
  readonly seed: number;
  /** From the beginning of its turn to the first new token, in milliseconds. */
  readonly timeToFirstTokenMs: number;
  /** New tokens a second after the first; of the whole when there is only one. */
  readonly tokensPerSecond: number;
}

/**
 * One step of the stream: the new token, and the text that has become certain with it. There is one for each token, and their
 * texts make the whole; a step whose text the next token could still change comes with that one.
 */
export interface GenerateStep {
  readonly token: number;
  readonly text: string;
  /** The token's log-probability, in nats, where `logprobs` asked for it. */
  readonly logprob?: number;
  /** The most likely tokens in its place, most likely first. */
  readonly top?: readonly TokenScore[];
}

/** Those whose values are not compared with a range, which no value of another kind is in. */
const KINDS = {
  stop: "texts",
  stopTokens: "ids",
  suppressTokens: "list",
  signal: "signal",
  keep: "flag",
} as const;

/** `Session.generate`; its tokenizer unless another is given. */
export function generate(
  session: SequenceOwner,
  prompt: Prompt,
  options: GenerateOptions,
  tokenizer: Tokenizer | undefined = session.tokenizer,
): AsyncGenerator<GenerateStep, GenerateResult> {
  checkOptions("generate", options ?? null, KINDS);
  const seed = options.seed ?? Math.floor(Math.random() * 2 ** 32);
  // A call that waits does what it was asked for, whatever the caller makes of the lists meanwhile.
  const given = copyPrompt("prompt", prompt);
  let ids: readonly number[] = [];
  const settings = {
    ...options,
    seed,
    ...(options.stop && { stop: [...options.stop] }),
    ...(options.stopTokens && { stopTokens: [...options.stopTokens] }),
    ...(options.suppressTokens && { suppressTokens: [...options.suppressTokens] }),
  };
  return session.generatorInTurn(
    "generate",
    options,
    () => {
      ids = session.encode(given, "prompt");
      check(session, ids, settings, tokenizer);
    },
    (sequence) => generateOn(sequence, tokenizer, ids, settings),
  );
}

type SeededOptions = GenerateOptions & { readonly seed: number };

async function* generateOn(
  sequence: Sequence,
  tokenizer: Tokenizer | undefined,
  prompt: readonly number[],
  options: SeededOptions,
): AsyncGenerator<GenerateStep, GenerateResult> {
  const { facts } = sequence;
  const stopTokens = new Set(options.stopTokens ?? endTokens(facts, tokenizer));
  const withoutText = tokenizer ? idsWithoutText(tokenizer, facts.n_vocab) : [];
  const suppressTokens = [...(options.suppressTokens ?? []), ...withoutText.filter((id) => !stopTokens.has(id))];
  const stream = tokenizer && new TextStream(tokenizer);
  const stops = new StopMatcher(options.stop ?? []);
  const tokens: number[] = [];
  let text = "";
  let firstAt = 0;
  let waiting: GenerateStep | undefined;
  // The last token of a full context still predicts one; that one has no place to be read from.
  const count = Math.min(options.maxNewTokens, facts.n_ctx - prompt.length + 1);
  let finish: FinishReason = count < options.maxNewTokens ? "context" : "length";
  const began = performance.now();
  const kept = options.keep ? sharedLength(sequence.tokens, prompt) : 0;
  if (kept > 0) sequence.rewind(kept);
  else sequence.reset();
  const drawing = { ...options, suppressTokens, count, withLogits: options.logprobs !== undefined };
  const draws = options.signal?.aborted ? [] : drawAheadOn(sequence, prompt.slice(kept), drawing);
  if (options.signal?.aborted) finish = "aborted";
  for await (const { token, logits } of draws) {
    if (options.signal?.aborted) {
      finish = "aborted";
      break;
    }
    firstAt ||= performance.now();
    if (stopTokens.has(token)) {
      finish = "end-token";
      break;
    }
    // One whose text is held back waits for the next, so that what comes of it at the end has a step to come with.
    if (waiting) yield waiting;
    tokens.push(token);
    const piece = stops.push(stream?.push(token) ?? "");
    text += piece;
    waiting = { token, text: piece, ...(logits && likelihoods(token, logits, options.logprobs ?? 0)) };
    if (stops.matched === undefined && !stops.isHolding && !stream?.isHolding) {
      yield waiting;
      waiting = undefined;
    }
    if (stops.matched !== undefined) {
      finish = "stop-string";
      break;
    }
  }
  const ended = performance.now();
  // What was held back is text after all, unless it was the stop string.
  if (stops.matched === undefined) {
    const rest = stops.push(stream?.end() ?? "") + stops.end();
    text += rest;
    if (waiting) waiting = { ...waiting, text: waiting.text + rest };
  }
  if (waiting) yield waiting;
  const [after, seconds] =
    tokens.length > 1 ? [tokens.length - 1, (ended - firstAt) / 1000] : [tokens.length, (ended - began) / 1000];
  return {
    tokens,
    text,
    finish,
    seed: options.seed,
    timeToFirstTokenMs: (firstAt || ended) - began,
    tokensPerSecond: seconds > 0 ? after / seconds : 0,
  };
}

/** How many tokens both begin with, but for the prompt's last, which has to be read for its logits. */
function sharedLength(held: readonly number[], prompt: readonly number[]): number {
  const most = Math.min(held.length, prompt.length - 1);
  let length = 0;
  while (length < most && held[length] === prompt[length]) length++;
  return length;
}

const likelihoods = (
  token: number,
  logits: Float32Array,
  count: number,
): Pick<GenerateStep, "logprob"> & Pick<GenerateStep, "top"> => ({
  logprob: logSoftmax(logits, "logits")[token] ?? Number.NEGATIVE_INFINITY,
  top: count > 0 ? topTokens(logits, count) : [],
});

function check(
  session: SequenceOwner,
  prompt: readonly number[],
  options: SeededOptions,
  tokenizer: Tokenizer | undefined,
): void {
  session.checkOpen("generate");
  checkSampler(options);
  checkSeed(options.seed);
  checkAhead(options.ahead);
  const { n_ctx, n_vocab } = session.facts;
  if (!Number.isInteger(options.maxNewTokens) || options.maxNewTokens < 1)
    throw optionError("max-new-tokens", `is ${options.maxNewTokens}`, "it must be a whole number, 1 or more");
  if (prompt.length === 0)
    throw optionError("prompt", "has no token, but generation has to start from one", "give a text, or token ids");
  if (prompt.length > n_ctx)
    throw new RuntimeError("prompt", `has ${prompt.length} tokens, but the context is ${n_ctx}`, {
      code: "context-full",
      hint: `shorten it to ${n_ctx} tokens or fewer`,
    });
  checkIds("prompt", prompt, n_vocab, tokenizer);
  const { logprobs = 0 } = options;
  if (!Number.isInteger(logprobs) || logprobs < 0 || logprobs > n_vocab)
    throw optionError("logprobs", `is ${logprobs}`, `it must be a whole number from 0 to ${n_vocab}`);
  if (!tokenizer && (options.stop ?? []).length > 0)
    throw optionError("stop strings", "need a tokenizer, but the model has none", "stop at tokens instead");
}
