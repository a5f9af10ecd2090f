// One sequence of tokens on a model, and all that can be done with it: text and scores for most callers, tokens and logits for
// those who want them. Its callers take turns; sessions of one model do not wait for each other.
import type { PlanModel } from "../base/plan.ts";
import { copyIds, copyPrompt } from "./check-call.ts";
import { RuntimeError } from "./errors.ts";
import { type GenerateOptions, type GenerateResult, type GenerateStep, generate } from "./generate.ts";
import type { SamplerSettings } from "./sampling.ts";
import { type ScoreOptions, type ScoreResult, score } from "./score.ts";
import { type LogitsChunk, Sequence } from "./sequence.ts";
import type { Prompt, SequenceOwner, Turn } from "./sequence-owner.ts";
import type { SequenceRuns } from "./sequence-runs.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { closedError, type TurnOptions, Turns } from "./turns.ts";

/**
 * One sequence of tokens, whose keys and values stay on the GPU. `Model.session` opens one; sessions of a model share its weights, see
 * nothing of each other, and each gives the tokens that it would give alone: their steps take turns on the GPU.
 *
 * Within a session, a call waits until those before it have ended: `generate` and `feedAll` from their first step until the loop over
 * them is left, `score` until it is done, and the other methods until their work is in the GPU's queue. So a call that is awaited
 * inside the loop over a generation of the same session waits for ever. Who needs several calls with nobody's in between takes a
 * turn for all of them: `takeTurn`.
 */
export class Session implements SequenceOwner {
  readonly facts: PlanModel;
  /** Absent where the model has none: then prompts are ids. */
  readonly tokenizer: Tokenizer | undefined;
  readonly #runs: SequenceRuns;
  readonly #sequence: Sequence;
  readonly #turns: Turns;
  readonly #onClose: (closed: Session) => void;

  constructor(
    runs: SequenceRuns,
    facts: PlanModel,
    tokenizer: Tokenizer | undefined,
    options: TurnOptions,
    onClose: (closed: Session) => void,
  ) {
    this.facts = facts;
    this.tokenizer = tokenizer;
    this.#runs = runs;
    this.#sequence = new Sequence(runs, facts);
    this.#turns = new Turns(options);
    this.#onClose = onClose;
  }

  /** How many tokens the caches hold. */
  get past(): number {
    return this.#sequence.past;
  }
  /** Their ids. */
  get tokens(): readonly number[] {
    return this.#sequence.tokens;
  }
  /** The most tokens that one call takes; longer prompts are fed in chunks. */
  get chunk(): number {
    return this.#sequence.chunk;
  }
  /** Bytes of the GPU buffers that are its own. */
  get bufferBytes(): number {
    return this.#runs.bufferBytes;
  }
  /** Whether it, or its model, is closed. */
  get closed(): boolean {
    return this.#sequence.closed;
  }

  /**
   * Continues a prompt: yields each new token with the text that has become certain, and returns the whole with the reason of its end.
   * Unless `keep` is set, what the session holds is forgotten first. Without a tokenizer, prompts are ids, and texts are empty; with
   * one, ids that it has no text for are never drawn, but for stop tokens.
   * @throws RuntimeError for options out of range, a prompt that does not fit, or logits that are no distribution.
   */
  generate(prompt: Prompt, options: GenerateOptions): AsyncGenerator<GenerateStep, GenerateResult> {
    return generate(this, prompt, options);
  }

  /**
   * How likely the model finds a text, token by token. What the session holds is forgotten. The plan needs the entry point `logits`.
   * @throws RuntimeError for no tokens, a window that is none, a text longer than the context, and logits that are not finite.
   */
  async score(text: Prompt, options?: ScoreOptions): Promise<ScoreResult> {
    return score(this, this.encode(text, "text"), options);
  }

  /** Forgets all tokens. */
  reset(options?: TurnOptions): Promise<void> {
    return this.#turns.run("reset", options, () => this.#sequence.reset());
  }

  /**
   * Forgets all tokens from position `past` on.
   * @throws RuntimeError when it holds fewer.
   */
  rewind(past: number, options?: TurnOptions): Promise<void> {
    return this.#turns.run("rewind", options, () => this.#sequence.rewind(past));
  }

  /**
   * Appends tokens and returns the logits f32[n_vocab] after the last one. A long prompt is fed in chunks.
   * @throws RuntimeError for no tokens, an id that is none, and more tokens than the context holds.
   */
  feed(ids: readonly number[], options?: TurnOptions): Promise<Float32Array> {
    const own = copyIds("feed", ids);
    return this.#turns.run("feed", options, () => this.#sequence.feed(own));
  }

  /**
   * Appends tokens and yields the logits of every one, chunk by chunk.
   * @throws RuntimeError for no tokens, an id that is none, and more tokens than the context holds.
   */
  feedAll(ids: readonly number[], options?: TurnOptions): AsyncGenerator<LogitsChunk, void> {
    const own = copyIds("feedAll", ids);
    return this.generatorInTurn(
      "feedAll",
      options,
      () => undefined,
      (sequence) => sequence.feedAll(own),
    );
  }

  /**
   * Appends tokens and draws the one that follows them, on the GPU. It stands at position `past` of the sequence then, where
   * `drawNext` reads it. What is drawn depends on the settings, the seed and the position, and on the tokens that are penalised.
   * @throws RuntimeError for settings out of range and tokens that do not fit.
   */
  drawAfter(ids: readonly number[], settings: SamplerSettings, seed: number, options?: TurnOptions): Promise<number> {
    const own = copyIds("drawAfter", ids);
    return this.#turns.run("drawAfter", options, () => this.#sequence.drawAfter(own, settings, seed));
  }

  /**
   * Appends the token drawn last and draws the next, with the settings of `drawAfter`. Needs nothing from the host, so that
   * several may be asked for before the first is there.
   * @throws RuntimeError when no token was drawn, the context is full, or the logits are no distribution.
   */
  drawNext(options?: TurnOptions): Promise<number> {
    return this.#turns.run("drawNext", options, () => this.#sequence.drawNext());
  }

  /**
   * Waits for the sequence and has it alone until `end` is called, which belongs into a `finally`; an error calls it `call`.
   * @throws RuntimeError when the session is closed, or busy and told to refuse.
   */
  async takeTurn(options?: TurnOptions, call = "takeTurn"): Promise<Turn> {
    const end = await this.#turns.take(call, options);
    return { sequence: this.#sequence, end };
  }

  /**
   * A generator that has a turn from its first step until it ends, or its caller stops. `check` comes before the turn, and
   * throws where the call is wrong; an error calls it `call`.
   */
  generatorInTurn<T, R>(
    call: string,
    options: TurnOptions | undefined,
    check: () => void,
    body: (sequence: Sequence) => AsyncGenerator<T, R>,
  ): AsyncGenerator<T, R> {
    return this.#turns.generator(call, options, check, () => body(this.#sequence));
  }

  /** @throws RuntimeError that calls it `call` when the session is closed. */
  checkOpen(call: string): void {
    if (this.closed) throw closedError(call);
  }

  /**
   * The ids of a text; ids as they are. `place` is what errors call it.
   * @throws RuntimeError for a text where there is no tokenizer.
   */
  encode(prompt: Prompt, place: string): readonly number[] {
    const given = copyPrompt(place, prompt);
    if (typeof given !== "string") return given;
    if (this.tokenizer) return this.tokenizer.encode(given);
    throw new RuntimeError(place, "is a text, but the model has no tokenizer", {
      code: "bad-token",
      hint: "give token ids",
    });
  }

  /** Frees its buffers; the model stays. Every call that runs, waits or comes later says that the session is closed. A second call does nothing. */
  close(): void {
    this.#turns.close();
    this.#sequence.close();
    this.#onClose(this);
  }
}
