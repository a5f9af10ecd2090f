// Weights on a device, which any number of plans share. Not here: reading and converting them; see upload-weights.ts.

import { unreachable } from "../../base/index.ts";
import type { Plan, PlanBuffer, PlanWeight } from "../../base/plan.ts";
import type { OpenDevice } from "../device.ts";
import { inErrorScopes, type Problem } from "../error-scopes.ts";
import { optionError, RuntimeError, weightsError } from "../errors.ts";
import type { GpuBuffer } from "../host-types.ts";
import { namingLoss } from "../loss.ts";
import { throwProblemOf } from "../memory.ts";
import { checkPlan } from "../prepare-steps.ts";
import { createStorageBuffer, freeBuffers, type TensorData, writeStorageBuffer } from "../storage-buffer.ts";
import { closedError } from "../turns.ts";
import type { WeightSource } from "./source.ts";
import { printStorage, sourcesOf, storageKey } from "./storage.ts";
import { type NotFinite, streamWeights, type UploadOptions } from "./stream-weights.ts";

interface Held {
  readonly weight: PlanWeight;
  readonly buffer: GpuBuffer;
}

/** Where weights come from. */
export interface WeightOrigin {
  /** As errors call it: a path, a URL. */
  readonly place: string;
  /** Tensors there that no plan wants; none when absent. */
  readonly surplus?: readonly string[];
}

const MANY = 3;

/**
 * Weights on a device, a buffer for each way in which a plan stores one (recipe, dtype). `uploadWeights` makes them.
 *
 * Plans that are loaded on them share them: two plans that store a weight alike read one buffer. They belong to whoever
 * made them, who calls `close` when no more plans are to be loaded; the buffers are freed then, or with the last loaded
 * plan that reads them.
 */
export class WeightBuffers {
  /** The device that they lie on. */
  readonly open: OpenDevice;
  /** Where they come from, as errors call it: a path, a URL. */
  readonly place: string;
  /** Tensors of the source that no plan wants. */
  readonly surplus: readonly string[];
  readonly #held: ReadonlyMap<string, Held>;
  readonly #allocatedFor: readonly Plan[];
  #notFinite: readonly NotFinite[] = [];
  #plans = 0;
  #closed = false;

  private constructor(
    open: OpenDevice,
    { place, surplus = [] }: WeightOrigin,
    held: ReadonlyMap<string, Held>,
    plans: readonly Plan[],
  ) {
    this.open = open;
    this.#allocatedFor = plans;
    this.place = place;
    this.surplus = surplus;
    this.#held = held;
  }

  /**
   * Makes the buffers that the plans' weights want, each once, all zeros; `fill` or `write` brings the weights.
   * @throws RuntimeError when the adapter can't run a plan, or WebGPU refuses a buffer; nothing is kept then.
   */
  static async allocate(open: OpenDevice, plans: readonly Plan[], from: WeightOrigin): Promise<WeightBuffers> {
    for (const plan of plans) checkPlan(open, plan);
    const held = new Map<string, Held>();
    const weights = new WeightBuffers(open, from, held, plans);
    try {
      const { problem } = inErrorScopes(open.device, () => {
        for (const plan of plans)
          for (const [weight, buffer] of plannedWeights(plan)) {
            const key = storageKey(weight);
            if (!held.has(key)) held.set(key, { weight, buffer: createStorageBuffer(open.device, plan, buffer) });
          }
      });
      throwProblemOf(plans.map(({ name }) => `plan ${name}`).join(", "), plans, await problem);
      open.throwIfLost(from.place);
      return weights;
    } catch (error) {
      weights.close();
      throw error;
    }
  }

  /** Bytes of the buffers, however many plans read them. */
  get bufferBytes(): number {
    return [...this.#held.values()].reduce((n, { buffer }) => n + buffer.size, 0);
  }
  /** Weights with values that are not finite, where uploading looked for them. */
  get notFinite(): readonly NotFinite[] {
    return this.#notFinite;
  }
  /** Whether `close` was called; plans that were loaded before it still run. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * The buffers of a plan's weights, by the plan's names for the buffers.
   * @throws RuntimeError for a weight that is not here, or stored in another way; and when they are closed.
   */
  buffersOf(plan: Plan): ReadonlyMap<string, GpuBuffer> {
    const place = `plan ${plan.name}`;
    if (this.#closed) throw this.#closedError(place);
    const found = new Map<string, GpuBuffer>();
    const others: PlanWeight[] = [];
    for (const weight of plan.weights) {
      const held = this.#held.get(storageKey(weight));
      if (held) found.set(weight.buffer, held.buffer);
      else others.push(weight);
    }
    const [first, ...rest] = others;
    if (first) throw this.#mismatch(place, [first, ...rest]);
    return found;
  }

  /**
   * Fills all buffers from a source; `found` leads from the name of a tensor, as plans have it, to its name there. Errors are
   * of this upload, whatever else the device does meanwhile.
   * @throws RuntimeError for what can't be read or written, and when the device is lost.
   */
  async fill(source: WeightSource, found: ReadonlyMap<string, string>, options: UploadOptions = {}): Promise<void> {
    const { open } = this;
    const { device, wait } = open;
    const plans = this.#allocatedFor;
    let writing: Promise<Problem | undefined>[] = [];
    const target = {
      write: (key: string, data: Uint8Array<ArrayBuffer>, offset: number): void => {
        const { buffer } = this.#held.get(key) ?? unreachable(`${key} is no weight`);
        this.#checkNotFreed(`loading ${source.place}`);
        writing.push(inErrorScopes(device, () => writeStorageBuffer(device, buffer, data, offset)).problem);
      },
      async finish(place: string): Promise<void> {
        const written = writing;
        writing = [];
        await namingLoss(open, place, () => wait(device.queue.onSubmittedWorkDone()));
        open.throwIfLost(place);
        for (const problem of written) throwProblemOf(place, plans, await problem);
      },
    };
    // Two plans may call two buffers the same; the keys are unique.
    const weights = [...this.#held].map(([key, { weight }]) => ({ ...weight, buffer: key }));
    this.#notFinite = await streamWeights(target, weights, source, found, options);
  }

  /**
   * Writes part of a weight, for every plan that reads it: bytes of the storage that `weight` says, from byte `offset` on.
   * Both are multiples of 4. What WebGPU finds wrong with it, the next read of a sequence reports.
   * @throws RuntimeError for a weight that is not here in that storage, bytes beyond its end, and when they are closed.
   */
  write(weight: PlanWeight, data: Uint8Array<ArrayBuffer> | TensorData, offset = 0): void {
    const held = this.#held.get(storageKey(weight));
    if (!held) throw this.#mismatch(`writing ${weight.name}`, [weight]);
    this.#checkNotFreed(`writing ${weight.name}`);
    this.open.throwIfLost(`writing ${weight.name}`);
    writeStorageBuffer(this.open.device, held.buffer, data, offset);
  }

  /** Keeps the buffers for one more plan, until the function that it gives is called. A second call of that does nothing. */
  hold(): () => void {
    let holds = true;
    this.#plans++;
    return () => {
      if (!holds) return;
      holds = false;
      this.#plans--;
      this.#freeUnused();
    };
  }

  /**
   * No more plans will be loaded on them: frees the buffers, at once or with the last loaded plan that reads them. A second
   * call does nothing.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#freeUnused();
  }

  get #freed(): boolean {
    return this.#closed && this.#plans === 0;
  }

  #freeUnused(): void {
    if (!this.#freed) return;
    const buffers = [...this.#held.values()].map(({ buffer }) => buffer);
    freeBuffers(this.open.device, buffers);
  }

  #checkNotFreed(place: string): void {
    if (this.#freed) throw this.#closedError(place);
  }

  #closedError(place: string): RuntimeError {
    return closedError(place, `set of weights of ${this.place}`, "close it when the last plan has been loaded on it");
  }

  #mismatch(place: string, [weight, ...others]: readonly [PlanWeight, ...PlanWeight[]]): RuntimeError {
    const also = others.length === 0 ? "" : `; ${others.length} more of its weights are not there as it wants them`;
    const upload = "upload the weights for all plans that share them: uploadWeights(gpu, [a, b], source)";
    const sources = sourcesOf([weight]).map((t) => t.name);
    const stored = [...this.#held.values()].filter((h) => sourcesOf([h.weight]).some((t) => sources.includes(t.name)));
    const source = sources.join(" and ");
    const wants = `wants ${weight.name} as ${printStorage(weight)}, but the weights of ${this.place}`;
    if (stored.length === 0) return weightsError(place, `${wants} do not hold ${source}${also}`, upload);
    const storages = stored.map((h) => printStorage(h.weight));
    const listed = storages.slice(0, MANY).join(" and as ") + (storages.length > MANY ? " and in more parts" : "");
    return optionError(
      place,
      `${wants} hold ${source} as ${listed}${also}`,
      `compile the plans for one target and with the same \`weights\`, or ${upload}`,
    );
  }
}

/** The plan's weights, each with the buffer that it lies in. */
function plannedWeights({ name, weights, buffers }: Plan): readonly (readonly [PlanWeight, PlanBuffer])[] {
  const byName = new Map(buffers.map((buffer) => [buffer.name, buffer]));
  return weights.map((weight) => {
    const buffer = byName.get(weight.buffer);
    if (buffer) return [weight, buffer];
    throw new RuntimeError(
      `plan ${name}`,
      `weight ${weight.name} lies in buffer ${weight.buffer}, which the plan does not have`,
    );
  });
}
