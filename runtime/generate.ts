// Generation as a stream: tokens one by one, text as soon as it is certain, and why it ended.
import { checkAhead, drawAheadOn } from "./draw-ahead.ts";
import { optionError, RuntimeError } from "./errors.ts";
import type { Model } from "./model.ts";
import { checkSampler, checkSeed, type SamplerSettings } from "./sampler.ts";
import type { Sequence } from "./sequence.ts";
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
}

/** Why a generation ended: the length asked for, an end token, a stop string, or a full context. */
export type FinishReason = "length" | "end-token" | "stop-string" | "context";

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
}

/**
 * Continues `prompt`. Yields each new token and returns the whole. Without a tokenizer, texts are empty and stop strings
 * are refused; with one, ids that it has no text for are never drawn, but for stop tokens. The model is this call's alone
 * from the first step until the loop over the steps is left.
 * @throws RuntimeError for settings out of range, a prompt that does not fit, or logits that are NaN.
 */
export function generate(
  model: Model,
  tokenizer: Tokenizer | undefined,
  prompt: readonly number[],
  options: GenerateOptions,
): AsyncGenerator<GenerateStep, GenerateResult> {
  const seed = options.seed ?? Math.floor(Math.random() * 2 ** 32);
  // A call that waits does what it was asked for, whatever the caller makes of the lists meanwhile.
  const ids = [...prompt];
  const settings = {
    ...options,
    seed,
    ...(options.stop && { stop: [...options.stop] }),
    ...(options.stopTokens && { stopTokens: [...options.stopTokens] }),
    ...(options.suppressTokens && { suppressTokens: [...options.suppressTokens] }),
  };
  return model.generatorInTurn(
    "generate",
    options,
    () => check(model, tokenizer, ids, settings),
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
  sequence.reset();
  for await (const token of drawAheadOn(sequence, prompt, { ...options, suppressTokens, count })) {
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
    waiting = { token, text: piece };
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

function check(
  model: Model,
  tokenizer: Tokenizer | undefined,
  prompt: readonly number[],
  options: SeededOptions,
): void {
  model.checkOpen("generate");
  checkSampler(options);
  checkSeed(options.seed);
  checkAhead(options.ahead);
  const { n_ctx, n_vocab } = model.facts;
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
  if (!tokenizer && (options.stop ?? []).length > 0)
    throw optionError("stop strings", "need a tokenizer, but the model has none", "stop at tokens instead");
}
