// A language model on a device: one sequence on a loaded plan, so that its callers take turns.
import type { AdapterReport, OpenDevice } from "./device.ts";
import { RuntimeError } from "./errors.ts";
import { LoadedPlan } from "./loaded-plan.ts";
import { type Plan, type PlanModel, weightBytesRead } from "./plan.ts";
import type { SamplerSettings } from "./sampler.ts";
import { type LogitsChunk, Sequence } from "./sequence.ts";
import type { SequenceState } from "./sequence-state.ts";
import { closedError, type TurnOptions, Turns } from "./turns.ts";
import type { WeightSource } from "./weights/source.ts";
import type { NotFinite, UploadOptions } from "./weights/stream-weights.ts";
import { matchPlans } from "./weights/upload-weights.ts";
import { WeightBuffers } from "./weights/weight-buffers.ts";

/** How to load a model, and what its calls do while another has it, unless they say otherwise. */
export interface ModelOptions extends UploadOptions, TurnOptions {}

/** A model's sequence, which nobody else reads or changes until `end` is called. */
export interface Turn {
  readonly sequence: Sequence;
  /** Lets the next call run. A second call does nothing. */
  readonly end: () => void;
}

/**
 * A language model on a device: one sequence, whose keys and values stay on the GPU.
 *
 * A call waits until those before it have ended: `generate`, `drawAhead` and `feedAll` from their first step until the loop
 * over them is left, `score` until it is done, and the methods below until their work is in the GPU's queue. So a call
 * that is awaited inside the loop over a generation of the same model waits for ever. Who needs several calls of their own
 * with nobody's in between takes a turn for all of them: `takeTurn`.
 */
export class Model {
  readonly facts: PlanModel;
  readonly adapter: AdapterReport;
  /** Tensors of the checkpoint that the model does not want. */
  readonly surplus: readonly string[];
  /** Weights with values that are not finite, when loading looked for them. */
  readonly notFinite: readonly NotFinite[];
  readonly #loaded: LoadedPlan;
  readonly #state: SequenceState;
  readonly #sequence: Sequence;
  readonly #turns: Turns;
  /** Frees what is this model's alone beside its sequence. */
  readonly #free: () => void;

  private constructor(
    loaded: LoadedPlan,
    state: SequenceState,
    facts: PlanModel,
    options: TurnOptions,
    free: () => void,
  ) {
    this.#loaded = loaded;
    this.#state = state;
    this.#sequence = new Sequence(state, facts);
    this.#turns = new Turns(options);
    this.#free = free;
    this.facts = facts;
    const { open, surplus, notFinite } = loaded.weights;
    this.adapter = open.adapter;
    this.surplus = surplus;
    this.notFinite = notFinite;
  }

  /**
   * Checks the checkpoint against the plan, then compiles the shaders and uploads the weights in bounded chunks.
   * @throws RuntimeError when weights are missing or do not fit, or the adapter can not run the plan.
   */
  static async load(open: OpenDevice, plan: Plan, source: WeightSource, options: ModelOptions = {}): Promise<Model> {
    const facts = factsOf(plan);
    const { found, surplus } = await matchPlans([plan], source);
    const weights = await WeightBuffers.allocate(open, [plan], { place: source.place, surplus });
    try {
      const loaded = await LoadedPlan.load(plan, weights);
      try {
        const state = await loaded.sequence();
        await weights.fill(source, found, options);
        return new Model(loaded, state, facts, options, () => loaded.close());
      } catch (error) {
        loaded.close();
        throw error;
      }
    } finally {
      // From here on they are the loaded plan's, and go with it.
      weights.close();
    }
  }

  /**
   * A model with a sequence of its own on a plan that is loaded: one of several on the same plan, or on several plans that share
   * weights. `destroy` frees the sequence; the plan stays.
   * @throws RuntimeError when the plan is closed or describes no language model, or WebGPU refuses a buffer.
   */
  static async on(loaded: LoadedPlan, options: TurnOptions = {}): Promise<Model> {
    const facts = factsOf(loaded.plan);
    return new Model(loaded, await loaded.sequence(), facts, options, () => undefined);
  }

  /** How many tokens the caches hold. */
  get past(): number {
    return this.#sequence.past;
  }
  /** The most tokens that one call takes. */
  get chunk(): number {
    return this.#sequence.chunk;
  }
  /** Bytes of all GPU buffers that it uses, those of a loaded plan and of weights that it shares among them. */
  get bufferBytes(): number {
    return this.#loaded.weights.bufferBytes + this.#loaded.bufferBytes + this.#state.bufferBytes;
  }
  /** Kernel launches of one decode step. */
  get dispatchesPerToken(): number {
    return this.#loaded.entry("decode").steps.length;
  }

  /** Bytes of weights that a decode step reads. */
  get weightBytesPerToken(): number {
    return weightBytesRead(this.#loaded.entry("decode"), {});
  }

  /**
   * Waits for the sequence and has it alone until `end` is called, which belongs into a `finally`; an error calls it `call`.
   * @throws RuntimeError when the model is closed, or busy and told to refuse.
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

  /** @throws RuntimeError that calls it `call` when the model is closed. */
  checkOpen(call: string): void {
    if (this.#sequence.closed) throw closedError(call);
  }

  /** Forgets all tokens. */
  reset(options?: TurnOptions): Promise<void> {
    return this.#turns.run("reset", options, () => this.#sequence.reset());
  }

  /**
   * Appends tokens and returns the logits f32[n_vocab] after the last one. A long prompt is fed in chunks.
   * @throws RuntimeError for no tokens, an id that is none, and more tokens than the context holds.
   */
  feed(ids: readonly number[], options?: TurnOptions): Promise<Float32Array> {
    const own = [...ids];
    return this.#turns.run("feed", options, () => this.#sequence.feed(own));
  }

  /**
   * Appends tokens and draws the one that follows them, on the GPU. It stands at position `past` of the sequence then, where
   * `drawNext` reads it. What is drawn depends on the settings, the seed and the position alone.
   * @throws RuntimeError for settings out of range and tokens that do not fit.
   */
  drawAfter(ids: readonly number[], settings: SamplerSettings, seed: number, options?: TurnOptions): Promise<number> {
    const own = [...ids];
    return this.#turns.run("drawAfter", options, () => this.#sequence.drawAfter(own, settings, seed));
  }

  /**
   * Appends the token drawn last and draws the next, with the settings of `drawAfter`. Needs nothing from the host, so that
   * several may be asked for before the first is there.
   * @throws RuntimeError when the context is full, or the logits are no distribution.
   */
  drawNext(options?: TurnOptions): Promise<number> {
    return this.#turns.run("drawNext", options, () => this.#sequence.drawNext());
  }

  /**
   * Forgets all tokens from position `past` on.
   * @throws RuntimeError when it holds fewer.
   */
  rewind(past: number, options?: TurnOptions): Promise<void> {
    return this.#turns.run("rewind", options, () => this.#sequence.rewind(past));
  }

  /**
   * Appends tokens and yields the logits of every one, chunk by chunk.
   * @throws RuntimeError for no tokens, an id that is none, and more tokens than the context holds.
   */
  feedAll(ids: readonly number[], options?: TurnOptions): AsyncGenerator<LogitsChunk, void> {
    const own = [...ids];
    return this.generatorInTurn(
      "feedAll",
      options,
      () => undefined,
      (sequence) => sequence.feedAll(own),
    );
  }

  /** Frees the model's buffers, and with `load` its plan and weights; the device stays. Every call that waits or comes later says that the model is closed. */
  destroy(): void {
    this.#turns.close();
    this.#sequence.close();
    this.#free();
  }
}

function factsOf({ name, model }: Plan): PlanModel {
  if (model) return model;
  throw new RuntimeError(`plan ${name}`, "describes no language model", "compile it with compileModel");
}
