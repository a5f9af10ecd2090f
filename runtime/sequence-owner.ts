// Whose turn it is on a sequence, as those see it who generate and score on one: a session.
import type { PlanModel } from "../base/plan.ts";
import type { Sequence } from "./sequence.ts";
import type { Tokenizer } from "./tokenizer.ts";
import type { TurnOptions } from "./turns.ts";

/** A text, or token ids. */
export type Prompt = string | readonly number[];

/** A sequence which nobody else reads or changes until `end` is called. */
export interface Turn {
  readonly sequence: Sequence;
  /** Lets the next call run. A second call does nothing. */
  readonly end: () => void;
}

/** Lends its sequence to one caller at a time. */
export interface SequenceOwner {
  readonly facts: PlanModel;
  readonly tokenizer: Tokenizer | undefined;
  /**
   * The ids of a text; ids as they are. `place` is what errors call it.
   * @throws RuntimeError for a text where there is no tokenizer.
   */
  encode(prompt: Prompt, place: string): readonly number[];
  /** @throws RuntimeError that calls it `call` when it is closed. */
  checkOpen(call: string): void;
  /**
   * Waits for the sequence and has it alone until `end` is called, which belongs into a `finally`; an error calls it `call`.
   * @throws RuntimeError when it is closed, or busy and told to refuse.
   */
  takeTurn(options?: TurnOptions, call?: string): Promise<Turn>;
  /**
   * A generator that has a turn from its first step until it ends, or its caller stops. `check` comes before the turn, and
   * throws where the call is wrong; an error calls it `call`.
   */
  generatorInTurn<T, R>(
    call: string,
    options: TurnOptions | undefined,
    check: () => void,
    body: (sequence: Sequence) => AsyncGenerator<T, R>,
  ): AsyncGenerator<T, R>;
}
