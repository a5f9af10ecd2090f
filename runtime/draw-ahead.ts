// Tokens as the GPU draws them, with steps queued ahead of the one that the host waits for, so that the GPU never waits for
// the host. Not here: when a text ends; see generate.ts.
import { optionError } from "./errors.ts";
import type { SamplerSettings } from "./sampling.ts";
import type { Sequence } from "./sequence.ts";
import type { SequenceOwner } from "./sequence-owner.ts";
import type { TurnOptions } from "./turns.ts";

export interface DrawOptions extends SamplerSettings, TurnOptions {
  readonly seed: number;
  /** How many tokens to draw at most. */
  readonly count: number;
  /** Steps on their way at once, 1 or more; chosen by how long a step takes when absent. */
  readonly ahead?: number;
}

/** Without `ahead`, steps are queued for so long in advance: host and event loop are late by less. */
const QUEUED_MS = 40;
const MOST_AHEAD = 16;

/**
 * Appends `prompt` to the session's tokens and yields `count` tokens that follow. A caller that stops early never sees what was
 * queued beyond, and the session holds the tokens up to the last but one that it has seen, as after a `drawNext` of each.
 */
export function drawAhead(
  session: SequenceOwner,
  prompt: readonly number[],
  options: DrawOptions,
): AsyncGenerator<number, void> {
  const check = () => checkAhead(options.ahead);
  return session.generatorInTurn("drawAhead", options, check, async function* (sequence) {
    for await (const { token } of drawAheadOn(sequence, prompt, options)) yield token;
  });
}

/** A token, and the logits f32[n_vocab] that it was drawn from where they were asked for. */
export interface DrawnToken {
  readonly token: number;
  readonly logits?: Float32Array;
}

/** The same for who has a turn, with the logits if they are wanted. */
export async function* drawAheadOn(
  sequence: Sequence,
  prompt: readonly number[],
  options: DrawOptions & { readonly withLogits?: boolean },
): AsyncGenerator<DrawnToken, void> {
  const start = sequence.past + prompt.length;
  const waiting: Promise<DrawnToken>[] = [];
  let [asked, seen] = [0, 0];
  const ask = (token: Promise<number>): void => {
    // Copied before the next step is queued, which overwrites them.
    const logits = options.withLogits ? sequence.lastLogits() : undefined;
    const drawn = Promise.all([token, logits]).then(([id, row]) => ({ token: id, ...(row && { logits: row }) }));
    // An error is thrown where the token is awaited; nobody awaits those beyond a stop.
    drawn.catch(() => undefined);
    waiting.push(drawn);
    asked++;
  };
  const pace = new Pace(options.ahead);
  try {
    ask(sequence.drawAfter(prompt, options, options.seed));
    while (seen < options.count) {
      while (asked < options.count && waiting.length < pace.ahead) ask(sequence.drawNext());
      const drawn = await waiting.shift();
      if (drawn === undefined) return;
      pace.tick(waiting.length > 0);
      seen++;
      yield drawn;
      sequence.checkOpen();
    }
  } finally {
    if (seen > 0 && !sequence.closed) sequence.rewind(start + seen - 1);
  }
}

/** @throws RuntimeError for a number of steps that is none. */
export function checkAhead(ahead = 1): void {
  if (!Number.isInteger(ahead) || ahead < 1)
    throw optionError("ahead", `is ${ahead}`, "it must be a whole number, 1 or more");
}

/** How many steps to queue: as asked for, or as many as fill a stretch of time. */
class Pace {
  readonly #asked: number | undefined;
  #stepMs = QUEUED_MS;
  #last = 0;

  constructor(asked: number | undefined) {
    this.#asked = asked;
  }

  get ahead(): number {
    return this.#asked ?? Math.max(2, Math.min(MOST_AHEAD, Math.ceil(QUEUED_MS / this.#stepMs)));
  }

  /** A token has come; `busy` when the next one was on its way already, so that the time between says what a step takes. */
  tick(busy: boolean): void {
    const now = performance.now();
    if (busy && this.#last > 0) this.#stepMs = Math.max(0.1, 0.8 * this.#stepMs + 0.2 * (now - this.#last));
    this.#last = now;
  }
}
