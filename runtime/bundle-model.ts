// A loaded bundle: the model behind the object that a generated module returns.

import { listNames } from "../base/index.ts";
import type { PlanModel } from "../base/plan.ts";
import type { AdapterReport } from "./device.ts";
import { RuntimeError } from "./errors.ts";
import type { GenerateOptions, GenerateResult, GenerateStep } from "./generate.ts";
import type { Model } from "./model.ts";
import type { Prompt } from "./sequence-owner.ts";
import type { Session } from "./session.ts";
import type { Tensor } from "./tensor.ts";
import type { Tokenizer } from "./tokenizer.ts";
import type { TurnOptions } from "./turns.ts";

/**
 * A model with one session of its own, for callers that want no more; `session` opens others. A generated module gives it the
 * model's own types.
 */
export class BundleModel {
  /** The variant of the bundle's plan that runs. */
  readonly variant: string;
  readonly #model: Model;
  readonly #own: Session;

  constructor(model: Model, own: Session, variant: string) {
    this.#model = model;
    this.#own = own;
    this.variant = variant;
  }

  /** Absent where the bundle holds none. */
  get tokenizer(): Tokenizer | undefined {
    return this.#model.tokenizer;
  }

  /** Layers, longest text, vocabulary and end token. */
  get facts(): PlanModel {
    return this.#model.facts;
  }
  /** What it runs on. */
  get adapter(): AdapterReport {
    return this.#model.adapter;
  }
  /** How many tokens the caches hold. */
  get past(): number {
    return this.#own.past;
  }
  /** Bytes of all GPU buffers. */
  get bufferBytes(): number {
    return this.#model.bufferBytes;
  }

  /** The variant that runs, which is one of `names`. */
  variantIn<const V extends string>(names: readonly V[]): V {
    const found = names.find((name) => name === this.variant);
    if (found === undefined)
      throw mismatch(`its module knows the variants ${listNames(names)}`, `its plan runs ${this.variant}`);
    return found;
  }

  /** @throws RuntimeError where the bundle holds none. */
  needTokenizer(): Tokenizer {
    if (!this.tokenizer) throw mismatch("its module was made with a tokenizer", "its plan names none");
    return this.tokenizer;
  }

  /** Forgets all tokens. */
  reset(): Promise<void> {
    return this.#own.reset();
  }

  /** Appends tokens; the logits after the last one. `shape` is what the caller has been compiled for. */
  async append<const S extends readonly [1, number]>(tokens: readonly number[], shape: S): Promise<Tensor<"f32", S>> {
    this.#checkWidth(shape[1]);
    return { dtype: "f32", shape, data: await this.#own.feed(tokens) };
  }

  /** Appends tokens; the logits after each of them. */
  async appendAll<const V extends number>(
    tokens: readonly number[],
    width: V,
  ): Promise<Tensor<"f32", readonly [rows: number, width: V]>> {
    this.#checkWidth(width);
    const data = new Float32Array(tokens.length * width);
    for await (const { start, logits } of this.#own.feedAll(tokens)) data.set(logits, start * width);
    return { dtype: "f32", shape: [tokens.length, width], data };
  }

  /** Continues a prompt from the beginning: token ids, or a text where the bundle has a tokenizer. */
  generate(prompt: Prompt, options: GenerateOptions): AsyncGenerator<GenerateStep, GenerateResult> {
    return this.#own.generate(prompt, options);
  }

  /** Opens one more session: a sequence of its own, which shares the weights and waits for no other. */
  session(options?: TurnOptions): Promise<Session> {
    return this.#model.session(options);
  }

  /**
   * Frees what the model holds on the GPU, and the device if the bundle opened it. Calls that run, wait or come later say
   * that the session is closed.
   */
  close(): Promise<void> {
    return this.#model.close();
  }

  #checkWidth(width: number): void {
    const { n_vocab } = this.#model.facts;
    if (width !== n_vocab) throw mismatch(`its module was made for ${width} logits`, `its plan gives ${n_vocab}`);
  }
}

const mismatch = (module: string, plan: string): RuntimeError =>
  new RuntimeError("bundle", `${module}, but ${plan}`, "they come from different compilations: compile it again");
