// A language model on a device: weights and kernels, and as many sessions on them as are wanted.
import { type Plan, type PlanModel, weightBytesRead } from "../base/plan.ts";
import { checkOptions } from "./check-call.ts";
import type { AdapterReport, OpenDevice } from "./device.ts";
import { isLoss, RuntimeError } from "./errors.ts";
import { LoadedPlan } from "./loaded-plan.ts";
import { missingMemory, outOfMemory } from "./memory.ts";
import { ReplaceableDevice } from "./replaceable-device.ts";
import { SequenceRuns } from "./sequence-runs.ts";
import type { SequenceState } from "./sequence-state.ts";
import { Session } from "./session.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { closedError, TURN_KINDS, type TurnOptions } from "./turns.ts";
import type { WeightSource } from "./weights/source.ts";
import type { NotFinite, UploadOptions } from "./weights/stream-weights.ts";
import { matchPlans } from "./weights/upload-weights.ts";
import { WeightBuffers } from "./weights/weight-buffers.ts";

/** What a model is opened with, besides its plan and its weights. */
export interface ModelOptions extends UploadOptions {
  /** From text to ids and back; prompts are ids without one. */
  readonly tokenizer?: Tokenizer | undefined;
}

/**
 * A language model on a device. Its weights and kernels are there once; each session has a sequence of its own, with its own
 * keys and values, and costs what `memoryNeed(plan, { sequences: 2 })` has more than `memoryNeed(plan)`.
 */
export class Model {
  readonly facts: PlanModel;
  readonly adapter: AdapterReport;
  readonly tokenizer: Tokenizer | undefined;
  /** Tensors of the checkpoint that the model does not want. */
  readonly surplus: readonly string[];
  /** Weights with values that are not finite, when loading looked for them. */
  readonly notFinite: readonly NotFinite[];
  #loaded: LoadedPlan;
  readonly #reload: Reload | undefined;
  #reloading: Promise<LoadedPlan> | undefined;
  readonly #sessions = new Set<Session>();
  /** Frees what goes with the model, besides its sessions and the plan; absent where the plan is somebody else's. */
  readonly #free: (() => void | Promise<void>) | undefined;
  #closing: Promise<void> | undefined;

  private constructor(
    loaded: LoadedPlan,
    tokenizer: Tokenizer | undefined,
    free: (() => void | Promise<void>) | undefined,
    reload?: Reload,
  ) {
    this.#loaded = loaded;
    this.#free = free;
    this.#reload = reload;
    this.facts = factsOf(loaded.plan);
    this.tokenizer = tokenizer;
    const { open, surplus, notFinite } = loaded.weights;
    this.adapter = open.adapter;
    this.surplus = surplus;
    this.notFinite = notFinite;
  }

  /**
   * Checks the checkpoint against the plan, then compiles the shaders and uploads the weights in bounded chunks. Closing the model
   * frees them, and calls `free`, whatever it was opened with: files, a device.
   *
   * On a `ReplaceableDevice` the model and its sessions go on when that is lost: on another device, with the weights from `source`,
   * which has to stay open, and each sequence computed once more. On a device that was given, calls say from then on that it is lost.
   * @throws RuntimeError when weights are missing or do not fit, the adapter can not run the plan, or memory runs out.
   */
  static async load(
    open: OpenDevice | ReplaceableDevice,
    plan: Plan,
    source: WeightSource,
    options: ModelOptions = {},
    free: () => void | Promise<void> = () => undefined,
  ): Promise<Model> {
    factsOf(plan);
    const own = open instanceof ReplaceableDevice ? open : undefined;
    const load = (uploading: UploadOptions): Promise<LoadedPlan> =>
      open instanceof ReplaceableDevice
        ? open.load((device) => loadPlan(device, plan, source, uploading))
        : loadPlan(open, plan, source, uploading);
    const loaded = await load(options);
    return new Model(loaded, options.tokenizer, free, own && { device: own, load: () => load({}) });
  }

  /**
   * A model on a plan that is loaded: one of several on plans that share weights, say. Closing it closes its sessions; the plan stays.
   * @throws RuntimeError when the plan describes no language model.
   */
  static on(loaded: LoadedPlan, options: Pick<ModelOptions, "tokenizer"> = {}): Model {
    return new Model(loaded, options.tokenizer, undefined);
  }

  /** Bytes of all GPU buffers that it uses: its sessions', its plan's, and those of weights that it shares among them. */
  get bufferBytes(): number {
    const own = [...this.#sessions].reduce((n, session) => n + session.bufferBytes, 0);
    return this.#loaded.weights.bufferBytes + this.#loaded.bufferBytes + own;
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
   * Opens a session: a sequence of its own, empty. `options` say what its calls do while another one has it.
   * @throws RuntimeError when the model is closed, and when WebGPU refuses a buffer.
   */
  async session(options: TurnOptions = {}): Promise<Session> {
    if (this.#closing) throw closedError("session", "model", "load it again");
    checkOptions("session", options, TURN_KINDS);
    const device = this.#reload?.device;
    const runs = new SequenceRuns(
      await this.#sequence(),
      device && { replace: () => this.#sequence(), progressed: () => device.progressed() },
    );
    const session = new Session(runs, this.facts, this.tokenizer, options, (closed) => this.#sessions.delete(closed));
    this.#sessions.add(session);
    if (this.#closing) session.close();
    return session;
  }

  /**
   * The state of one more sequence, for who runs the plan's entry points by hand; close it when done. It does not outlive the model, or
   * its device: what is on a device that is lost is gone.
   * @throws RuntimeError as `session` does.
   */
  async state(): Promise<SequenceState> {
    if (this.#closing) throw closedError("state", "model", "load it again");
    return this.#sequence();
  }

  /** Closes its sessions and frees what was loaded for it. A second call does nothing. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      for (const session of [...this.#sessions]) session.close();
      if (!this.#free) return;
      this.#loaded.close();
      await this.#free();
    })();
    return this.#closing;
  }

  /** A sequence on the device, or on another one where that is lost. */
  async #sequence(): Promise<SequenceState> {
    const reload = this.#reload;
    for (;;) {
      const loaded = (await this.#reloading) ?? this.#loaded;
      try {
        if (this.#closing) throw closedError("session", "model", "load it again");
        return await loaded.sequence();
      } catch (error) {
        if (!reload || !isLoss(error)) throw error;
        const isNew = reload.device.lose(loaded.weights.open, error);
        // Another device has no more of it; the next call may find that there is some again.
        const missing = missingMemory(error);
        if (isNew && missing !== undefined) throw outOfMemory("session", [loaded.plan], missing);
      }
      this.#reloading ??= this.#loadAgain(reload).finally(() => {
        this.#reloading = undefined;
      });
    }
  }

  async #loadAgain({ load }: Reload): Promise<LoadedPlan> {
    const loaded = await load();
    if (this.#closing) loaded.close();
    this.#loaded = loaded;
    return loaded;
  }
}

/** How a model comes back whose device is lost. */
interface Reload {
  readonly device: ReplaceableDevice;
  load(): Promise<LoadedPlan>;
}

/** The plan on the device, with its weights; nothing of them is left there when that fails. */
async function loadPlan(
  open: OpenDevice,
  plan: Plan,
  source: WeightSource,
  options: UploadOptions,
): Promise<LoadedPlan> {
  try {
    const { found, surplus } = await matchPlans([plan], source);
    const weights = await WeightBuffers.allocate(open, [plan], { place: source.place, surplus });
    try {
      const loaded = await LoadedPlan.load(plan, weights);
      try {
        await weights.fill(source, found, options);
        return loaded;
      } catch (error) {
        loaded.close();
        throw error;
      }
    } finally {
      // From here on they are the loaded plan's, and go with it.
      weights.close();
    }
  } catch (error) {
    const missing = missingMemory(error);
    throw missing === undefined ? error : outOfMemory(`loading ${source.place}`, [plan], missing);
  }
}

function factsOf({ name, model }: Plan): PlanModel {
  if (model) return model;
  throw new RuntimeError(`plan ${name}`, "describes no language model", "compile it with compileModel");
}
