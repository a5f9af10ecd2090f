// Decode steps of a language model, timed: a sequence of its own, whose steps are each run whole and cut into passes.
import { RuntimeError } from "./errors.ts";
import type { Model } from "./model.ts";
import { Sequence } from "./sequence.ts";
import { SequenceRuns } from "./sequence-runs.ts";
import type { SequenceState } from "./sequence-state.ts";
import { StepTimer, type StepTimes } from "./step-timer.ts";

/** Times a model's decode steps on a sequence of its own; see `StepTimer`. */
export class DecodeTimer {
  readonly #state: SequenceState;
  readonly #sequence: Sequence;
  readonly #timer: StepTimer;
  readonly #pastTokens: string;
  #past = 0;

  private constructor(state: SequenceState, sequence: Sequence, timer: StepTimer, pastTokens: string) {
    this.#state = state;
    this.#sequence = sequence;
    this.#timer = timer;
    this.#pastTokens = pastTokens;
  }

  /**
   * Makes a sequence on the model. Close it before the model.
   * @throws RuntimeError for an adapter without timestamps, and as `Model.state` does.
   */
  static async on(model: Model): Promise<DecodeTimer> {
    const state = await model.state();
    try {
      const sequence = new Sequence(new SequenceRuns(state), model.facts);
      const { roles } = state.entry(ENTRY);
      if (!roles) throw new RuntimeError(`plan ${state.plan.name}`, "does not say what its symbols count");
      const timer = await StepTimer.create(state, ENTRY, { [roles.pastTokens]: 0 });
      return new DecodeTimer(state, sequence, timer, roles.pastTokens);
    } catch (error) {
      state.close();
      throw error;
    }
  }

  /** Tokens that stand before the next step. */
  get past(): number {
    return this.#past;
  }

  /**
   * Begins anew with these tokens, and draws the likeliest that follows them.
   * @throws RuntimeError for no tokens, an id that is none, and more tokens than the context holds.
   */
  async start(ids: readonly number[]): Promise<void> {
    this.#sequence.reset();
    await this.#sequence.drawAfter(ids, { temperature: 0 }, 0);
    this.#past = ids.length;
  }

  /**
   * Times the step that appends the token drawn last and draws the next.
   * @throws RuntimeError when nothing was started, and when the context is full.
   */
  async step(): Promise<StepTimes> {
    const { n_ctx } = this.#sequence.facts;
    if (this.#past === 0) throw new RuntimeError("timer", "there is no token to go on from", "call `start` first");
    if (this.#past >= n_ctx)
      throw new RuntimeError("timer", `the context of ${n_ctx} is full`, {
        code: "context-full",
        hint: "call `start` again",
      });
    const times = await this.#timer.time({ [this.#pastTokens]: this.#past });
    this.#past++;
    return times;
  }

  /** Frees its sequence; the model stays. A second call does nothing. */
  close(): void {
    if (this.#state.closed) return;
    this.#timer.close();
    this.#state.close();
  }
}

const ENTRY = "decode";
