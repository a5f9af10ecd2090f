// Runs a plan on a device, with weights and a sequence of its own: the simple door to loaded-plan.ts, which does the work.

import type { Plan, PlanEntry, PlanSymbolValues, PlanTensor, PlanWeight } from "../base/plan.ts";
import type { OpenDevice } from "./device.ts";
import { optionError } from "./errors.ts";
import { LoadedPlan } from "./loaded-plan.ts";
import type { BufferRange, SequenceState } from "./sequence-state.ts";
import type { TensorData } from "./storage-buffer.ts";
import { WeightBuffers } from "./weights/weight-buffers.ts";

/**
 * A plan on a device: its buffers, shaders and bind groups, made once. Its weights are zeros until they are written, or those that
 * it is given. Where several sequences are to run, take `LoadedPlan`.
 */
export class Executor implements Omit<SequenceState, "close" | "closed"> {
  readonly plan: Plan;
  readonly #loaded: LoadedPlan;
  readonly #state: SequenceState;
  readonly #weights: ReadonlyMap<string, PlanWeight>;

  private constructor(loaded: LoadedPlan, state: SequenceState) {
    this.plan = loaded.plan;
    this.#loaded = loaded;
    this.#state = state;
    this.#weights = new Map(loaded.plan.weights.map((weight) => [weight.buffer, weight]));
  }

  /**
   * Compiles the shaders, makes buffers and bind groups. With `shared` (see `uploadWeights`), its weights are those, and stay their
   * owner's: two plans on one copy.
   * @throws RuntimeError when the adapter lacks a feature or a limit of the plan, when shared weights are on another device, lack one
   * of the plan's or store it otherwise, or when WebGPU refuses anything.
   */
  static async create(open: OpenDevice, plan: Plan, shared?: WeightBuffers): Promise<Executor> {
    if (shared && shared.open !== open)
      throw optionError(
        `plan ${plan.name}`,
        "is for one device, but its weights are on another",
        "upload them to this one",
      );
    const weights = shared ?? (await WeightBuffers.allocate(open, [plan], { place: `plan ${plan.name}` }));
    try {
      const loaded = await LoadedPlan.load(plan, weights);
      try {
        return new Executor(loaded, await loaded.sequence());
      } catch (error) {
        loaded.close();
        throw error;
      }
    } finally {
      // From here on they are the loaded plan's, and go with it. Shared ones are their owner's too.
      if (!shared) weights.close();
    }
  }

  /** Bytes of every buffer that lives as long as the executor. */
  get bufferBytes(): number {
    return this.#loaded.weights.bufferBytes + this.#loaded.bufferBytes + this.#state.bufferBytes;
  }

  /**
   * Writes part of a buffer (a weight, an input or a state), from `offset` bytes on. Multiples of 4 bytes.
   * @throws RuntimeError for a buffer that is none, and bytes beyond its end.
   */
  write(buffer: string, data: Uint8Array<ArrayBuffer> | TensorData, offset = 0): void {
    const weight = this.#weights.get(buffer);
    if (weight) this.#loaded.weights.write(weight, data, offset);
    else this.#state.write(buffer, data, offset);
  }

  entry(name: string): PlanEntry {
    return this.#loaded.entry(name);
  }

  clearStates(): void {
    this.#state.clearStates();
  }

  run(name: string, symbols: PlanSymbolValues): void {
    this.#state.run(name, symbols);
  }

  runAndRead(name: string, symbols: PlanSymbolValues, range: BufferRange): Promise<ArrayBuffer> {
    return this.#state.runAndRead(name, symbols, range);
  }

  read(output: PlanTensor, symbols: PlanSymbolValues): Promise<TensorData> {
    return this.#state.read(output, symbols);
  }

  readBytes(buffer: string, size: number): Promise<ArrayBuffer> {
    return this.#state.readBytes(buffer, size);
  }

  finish(place: string): Promise<void> {
    return this.#state.finish(place);
  }

  /** Frees the buffers; the device stays. Reads that wait for the GPU fail. */
  destroy(): void {
    this.#loaded.close();
  }
}
