// A plan on a device: its shaders compiled, its weights there, and as many sequences as are wanted. Not here: the weights
// themselves, which other plans may share (weights/weight-buffers.ts), and a sequence's state (plan-sequence.ts).

import type { Plan, PlanEntry } from "../base/plan.ts";
import { inErrorScopes } from "./error-scopes.ts";
import { namingLoss } from "./loss.ts";
import { throwProblemOf } from "./memory.ts";
import { findEntry, PlanSequence, type SharedParts } from "./plan-sequence.ts";
import { checkPlan, createPipeline, prepareStep } from "./prepare-steps.ts";
import type { SequenceState } from "./sequence-state.ts";
import { freeBuffers } from "./storage-buffer.ts";
import { SymbolTable } from "./symbol-table.ts";
import { closedError } from "./turns.ts";
import type { WeightBuffers } from "./weights/weight-buffers.ts";

/**
 * A plan's pipelines on a device, and the weights that they read.
 *
 * Several plans can be loaded on one set of weights, and several sequences live side by side on one loaded plan: each has its
 * own caches and activations, all read the same weights and run the same pipelines. What another sequence, or another plan on
 * the same weights, costs in memory, `memoryNeed` says.
 */
export class LoadedPlan {
  readonly plan: Plan;
  readonly weights: WeightBuffers;
  readonly #shared: SharedParts;
  readonly #releaseWeights: () => void;
  readonly #sequences = new Set<PlanSequence>();
  #closed = false;

  private constructor(plan: Plan, weights: WeightBuffers, shared: SharedParts, releaseWeights: () => void) {
    this.plan = plan;
    this.weights = weights;
    this.#shared = shared;
    this.#releaseWeights = releaseWeights;
  }

  /**
   * Compiles the plan's shaders on the weights' device. The weights stay there until both they and the loaded plan are
   * closed. Errors are of this plan, whatever else is loaded on the device at the same time.
   * @throws RuntimeError when the weights lack one that the plan wants or store it in another way, the adapter lacks a feature or
   * a limit of the plan, or WebGPU refuses anything. What was made is freed then.
   */
  static async load(plan: Plan, weights: WeightBuffers): Promise<LoadedPlan> {
    const { open } = weights;
    const { device } = open;
    const place = `plan ${plan.name}`;
    checkPlan(open, plan);
    const buffers = weights.buffersOf(plan);
    const release = weights.hold();
    let symbols: SymbolTable | undefined;
    const make = async (): Promise<SharedParts> => {
      const { made, problem } = inErrorScopes(device, () => {
        const table = new SymbolTable(device, plan);
        symbols = table;
        const pipelines = plan.kernels.map(
          async (k) => [k.name, await createPipeline(device, k, table.layout)] as const,
        );
        return { table, pipelines };
      });
      const pipelines = new Map(await Promise.all(made.pipelines));
      throwProblemOf(place, [plan], await problem);
      open.throwIfLost(place);
      const steps = new Map(
        plan.entries.map((entry) => [entry.name, entry.steps.map((step) => prepareStep(plan, entry, step, pipelines))]),
      );
      return { plan, open, weights: buffers, steps, symbols: made.table };
    };
    try {
      return new LoadedPlan(plan, weights, await namingLoss(open, place, make), release);
    } catch (error) {
      if (symbols) freeBuffers(device, [symbols.buffer]);
      release();
      throw error;
    }
  }

  /** Bytes of what the plan has for itself: the table of its symbols. Weights and sequences count their own. */
  get bufferBytes(): number {
    return this.#shared.symbols.buffer.size;
  }
  /** Whether `close` was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * An entry point of the plan.
   * @throws RuntimeError when it has none of that name.
   */
  entry(name: string): PlanEntry {
    return findEntry(this.plan, name);
  }

  /**
   * Makes one more sequence: its caches, activations, inputs and outputs, all zeros. `close` of it frees them.
   * @throws RuntimeError when the plan is closed, the device lost, and when WebGPU refuses a buffer; what was made is freed then.
   */
  async sequence(): Promise<SequenceState> {
    this.#checkOpen();
    this.weights.open.throwIfLost("sequence");
    const sequence = await PlanSequence.create(this.#shared, (closed) => this.#sequences.delete(closed));
    if (this.#closed) sequence.close();
    this.#checkOpen();
    this.#sequences.add(sequence);
    return sequence;
  }

  /**
   * Closes the plan's sequences and frees what it made. Its weights are freed with it where they were closed before and no other
   * plan reads them. A second call does nothing.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const sequence of [...this.#sequences]) sequence.close();
    freeBuffers(this.weights.open.device, [this.#shared.symbols.buffer]);
    this.#releaseWeights();
  }

  #checkOpen(): void {
    if (this.#closed) throw closedError("sequence", `plan ${this.plan.name}`, "load it again");
  }
}
