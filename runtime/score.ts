// How likely a model finds a text: log-probabilities token by token, in one pass or in windows.
import { checkOptions, copyIds } from "./check-call.ts";
import { optionError, RuntimeError } from "./errors.ts";
import { logSoftmax } from "./log-probabilities.ts";
import type { Sequence } from "./sequence.ts";
import type { SequenceOwner } from "./sequence-owner.ts";
import type { TurnOptions } from "./turns.ts";

/** How likely a token of the text was, after those before it. */
export interface TokenLikelihood {
  /** The predicted token, and where it stands in the text. */
  readonly token: number;
  readonly position: number;
  /** Natural logarithm of the probability that the model gave it. */
  readonly logProbability: number;
}

/** How likely a text is. */
export interface ScoreResult {
  readonly tokens: readonly TokenLikelihood[];
  /** Nats per predicted token; NaN when nothing was predicted. */
  readonly meanNegativeLogLikelihood: number;
  /** e to that power. */
  readonly perplexity: number;
  /** The logits after the last token, [n_vocab]; absent when that token was left out. */
  readonly lastLogits?: Float32Array;
  /** How many tokens at the end were left out, because they fill no window. */
  readonly leftOut: number;
}

/** How a text is cut, and who watches. */
export interface ScoreOptions extends TurnOptions {
  /**
   * Cuts the text into windows of so many inputs, each starting anew; a text longer than the context needs it. Only whole
   * windows count, so that every figure rests on the same lengths of context; a text that fits in one is scored whole.
   */
  readonly window?: number;
  /** Hears of the logits of every input, [rows, n_vocab], in order. It must not wait for another call of the same session. */
  readonly onLogits?: (logits: Float32Array, rows: number) => void | Promise<void>;
  /** Hears how many of the inputs are done. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Scores token ids. With a window of n, inputs i·n … i·n+n−1 each predict the token after them.
 * @throws RuntimeError for no tokens, a window that is none, a text longer than the context, and logits that are not finite.
 */
export async function score(
  session: SequenceOwner,
  given: readonly number[],
  options: ScoreOptions = {},
): Promise<ScoreResult> {
  session.checkOpen("score");
  checkOptions("score", options, { onLogits: "function", onProgress: "function" });
  const ids = copyIds("text", given);
  const { n_ctx } = session.facts;
  if (ids.length === 0) throw optionError("text", "has no token to score", "give a text, or token ids");
  const window = options.window ?? n_ctx;
  if (!Number.isInteger(window) || window < 1 || window > n_ctx)
    throw optionError(
      "window",
      `is ${options.window}, but the context is ${n_ctx}`,
      `it must be a whole number from 1 to ${n_ctx}`,
    );
  if (options.window === undefined && ids.length > n_ctx)
    throw new RuntimeError("text", `has ${ids.length} tokens, but the context is ${n_ctx}`, {
      code: "context-full",
      hint: `score it in windows: --window ${n_ctx}`,
    });
  const turn = await session.takeTurn(options, "score");
  try {
    return await scoreOn(turn.sequence, ids, window, options);
  } finally {
    turn.end();
  }
}

async function scoreOn(
  sequence: Sequence,
  ids: readonly number[],
  window: number,
  options: ScoreOptions,
): Promise<ScoreResult> {
  const { n_vocab } = sequence.facts;
  const tokens: TokenLikelihood[] = [];
  let lastLogits: Float32Array | undefined;
  let sum = 0;
  // The last token of a long text is only predicted, never read.
  const inputs = ids.length <= window ? ids.length : Math.floor((ids.length - 1) / window) * window;
  for (let start = 0; start < inputs; start += window) {
    sequence.reset();
    for await (const chunk of sequence.feedAll(ids.slice(start, Math.min(start + window, inputs)))) {
      await options.onLogits?.(chunk.logits, chunk.rows);
      for (let row = 0; row < chunk.rows; row++) {
        const logits = chunk.logits.subarray(row * n_vocab, (row + 1) * n_vocab);
        const position = start + chunk.start + row + 1;
        const token = ids[position];
        if (token === undefined) {
          lastLogits = logits.slice();
          continue;
        }
        const logProbability = logSoftmax(logits, `the logits after token ${position - 1}`)[token] ?? Number.NaN;
        sum -= logProbability;
        tokens.push({ token, position, logProbability });
      }
      options.onProgress?.(start + chunk.start + chunk.rows, inputs);
    }
  }
  const mean = sum / tokens.length;
  const leftOut = Math.max(0, ids.length - inputs - 1);
  return {
    tokens,
    meanNegativeLogLikelihood: mean,
    perplexity: Math.exp(mean),
    ...(lastLogits && { lastLogits }),
    leftOut,
  };
}
