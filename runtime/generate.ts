// Generation as a stream: tokens one by one, text as soon as it is certain, and why it ended.
import { checkAhead, drawAhead } from "./draw-ahead.ts";
import { RuntimeError } from "./errors.ts";
import type { Model } from "./model.ts";
import { checkSampler, checkSeed, type SamplerSettings } from "./sampler.ts";
import { StopMatcher, TextStream } from "./text-stream.ts";
import type { Tokenizer } from "./tokenizer.ts";

export interface GenerateOptions extends SamplerSettings {
  readonly maxNewTokens: number;
  /** The same seed and settings give the same tokens on the same adapter. */
  readonly seed: number;
  /** Texts at which generation ends; they are not part of the result. */
  readonly stop?: readonly string[];
  /** Tokens at which generation ends; they are not part of the result. */
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
  /** From the call to the first new token, in milliseconds. */
  readonly timeToFirstTokenMs: number;
  /** New tokens a second after the first; of the whole when there is only one. */
  readonly tokensPerSecond: number;
}

/** One step of the stream: the new token, and the text that has become certain with it. */
export interface GenerateStep {
  readonly token: number;
  readonly text: string;
}

/**
 * Continues `prompt`. Yields each new token and returns the whole. Without a tokenizer, texts are empty and stop strings
 * are refused.
 * @throws RuntimeError for settings out of range, a prompt that does not fit, or logits that are NaN.
 */
export async function* generate(
  model: Model,
  tokenizer: Tokenizer | undefined,
  prompt: readonly number[],
  options: GenerateOptions,
): AsyncGenerator<GenerateStep, GenerateResult> {
  check(model, tokenizer, prompt, options);
  const stopTokens = new Set(options.stopTokens ?? []);
  const stream = tokenizer && new TextStream(tokenizer);
  const stops = new StopMatcher(options.stop ?? []);
  const tokens: number[] = [];
  let text = "";
  let firstAt = 0;
  // The last token of a full context still predicts one; that one has no place to be read from.
  const count = Math.min(options.maxNewTokens, model.facts.n_ctx - prompt.length + 1);
  let finish: FinishReason = count < options.maxNewTokens ? "context" : "length";
  const began = performance.now();
  model.reset();
  for await (const token of drawAhead(model, prompt, { ...options, count })) {
    firstAt ||= performance.now();
    if (stopTokens.has(token)) {
      finish = "end-token";
      break;
    }
    tokens.push(token);
    const piece = stops.push(stream?.push(token) ?? "");
    text += piece;
    yield { token, text: piece };
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
    if (rest !== "") yield { token: tokens.at(-1) ?? -1, text: rest };
  }
  const [after, seconds] =
    tokens.length > 1 ? [tokens.length - 1, (ended - firstAt) / 1000] : [tokens.length, (ended - began) / 1000];
  return {
    tokens,
    text,
    finish,
    timeToFirstTokenMs: (firstAt || ended) - began,
    tokensPerSecond: seconds > 0 ? after / seconds : 0,
  };
}

function check(
  model: Model,
  tokenizer: Tokenizer | undefined,
  prompt: readonly number[],
  options: GenerateOptions,
): void {
  checkSampler(options);
  checkSeed(options.seed);
  checkAhead(options.ahead);
  const { n_ctx } = model.facts;
  if (!Number.isInteger(options.maxNewTokens) || options.maxNewTokens < 1)
    throw new RuntimeError("max-new-tokens", `is ${options.maxNewTokens}`, "it must be a whole number, 1 or more");
  if (prompt.length === 0)
    throw new RuntimeError("prompt", "has no token, but generation has to start from one", "give a text, or token ids");
  if (prompt.length > n_ctx)
    throw new RuntimeError(
      "prompt",
      `has ${prompt.length} tokens, but the context is ${n_ctx}`,
      `shorten it to ${n_ctx} tokens or fewer`,
    );
  if (!tokenizer && (options.stop ?? []).length > 0)
    throw new RuntimeError("stop strings", "need a tokenizer, but the model has none", "stop at tokens instead");
}
