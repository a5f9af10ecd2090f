// One sequence's buffers and bind groups on a loaded plan, and how its entry points are run.

import { listNames } from "../base/index.ts";
import {
  evalPlanDim,
  type Plan,
  type PlanEntry,
  type PlanSymbolValues,
  type PlanTensor,
  storageBytes,
} from "../base/plan.ts";
import type { OpenDevice } from "./device.ts";
import { inErrorScopes } from "./error-scopes.ts";
import { optionError, RuntimeError } from "./errors.ts";
import { throwIfLostSoon } from "./loss.ts";
import { throwProblemOf } from "./memory.ts";
import { type BoundStep, bindStep, dispatchStep, type PreparedStep } from "./prepare-steps.ts";
import type { BufferRange, SequenceState } from "./sequence-state.ts";
import { Staging } from "./staging.ts";
import { createStorageBuffer, freeBuffers, type TensorData, writeStorageBuffer } from "./storage-buffer.ts";
import type { SymbolTable } from "./symbol-table.ts";
import { closedError } from "./turns.ts";

/** What all sequences of a loaded plan share. */
export interface SharedParts {
  readonly plan: Plan;
  readonly open: OpenDevice;
  /** By the plan's names. */
  readonly weights: ReadonlyMap<string, GPUBuffer>;
  /** By entry point. */
  readonly steps: ReadonlyMap<string, readonly PreparedStep[]>;
  readonly symbols: SymbolTable;
}

/** A run of an entry point that is not encoded yet. */
export interface RunParts {
  readonly open: OpenDevice;
  /** Begins a pass in which its steps may be. */
  begin(pass: GPUComputePassEncoder): void;
  /** Each puts a step of the plan into a pass that has begun, and says whether there is anything to do. */
  readonly dispatches: readonly ((pass: GPUComputePassEncoder) => boolean)[];
}

/** See `SequenceState`. */
export class PlanSequence implements SequenceState {
  readonly plan: Plan;
  readonly #shared: SharedParts;
  readonly #own: ReadonlyMap<string, GPUBuffer>;
  readonly #steps: ReadonlyMap<string, readonly BoundStep[]>;
  readonly #staging: Staging;
  readonly #onClose: (closed: PlanSequence) => void;
  /** An argument of every call, so that a step makes no array. */
  readonly #symbolOffset = [0];
  #closed = false;

  private constructor(
    shared: SharedParts,
    own: ReadonlyMap<string, GPUBuffer>,
    steps: ReadonlyMap<string, readonly BoundStep[]>,
    onClose: (closed: PlanSequence) => void,
  ) {
    this.plan = shared.plan;
    this.#shared = shared;
    this.#own = own;
    this.#steps = steps;
    this.#staging = new Staging(shared.open);
    this.#onClose = onClose;
  }

  /** Makes buffers and bind groups; those that were made are freed when WebGPU refuses one. */
  static async create(shared: SharedParts, onClose: (closed: PlanSequence) => void): Promise<PlanSequence> {
    const { plan, open, weights, steps } = shared;
    const { device } = open;
    const own = new Map<string, GPUBuffer>();
    try {
      const { made, problem } = inErrorScopes(device, () => {
        for (const b of plan.buffers) if (!weights.has(b.name)) own.set(b.name, createStorageBuffer(device, plan, b));
        const all = new Map([...weights, ...own]);
        return new Map([...steps].map(([entry, list]) => [entry, list.map((step) => bindStep(device, step, all))]));
      });
      throwProblemOf(`plan ${plan.name}`, [plan], await problem, { sharesWeights: true });
      open.throwIfLost(`plan ${plan.name}`);
      return new PlanSequence(shared, own, made, onClose);
    } catch (error) {
      freeBuffers(device, own.values());
      throw error;
    }
  }

  get bufferBytes(): number {
    return [...this.#own.values()].reduce((n, b) => n + b.size, 0);
  }

  get closed(): boolean {
    return this.#closed;
  }

  entry(name: string): PlanEntry {
    return findEntry(this.plan, name);
  }

  write(buffer: string, data: Uint8Array<ArrayBuffer> | TensorData, offset = 0): void {
    this.#checkOpen(`writing ${buffer}`);
    if (this.#shared.weights.has(buffer))
      throw optionError(
        `buffer ${buffer}`,
        "is a weight, which is no sequence's own",
        "write to the WeightBuffers, for all plans that read it",
      );
    writeStorageBuffer(this.#shared.open.device, this.#buffer(buffer), data, offset);
  }

  clearStates(): void {
    this.#checkOpen("clearing the states");
    const { device } = this.#shared.open;
    const encoder = device.createCommandEncoder({ label: "clear the states" });
    for (const { name, kind } of this.plan.buffers) if (kind === "state") encoder.clearBuffer(this.#buffer(name));
    device.queue.submit([encoder.finish()]);
  }

  run(name: string, symbols: PlanSymbolValues): void {
    const encoder = this.#encode(name, symbols);
    this.#shared.open.device.queue.submit([encoder.finish()]);
  }

  async runAndRead(
    name: string,
    symbols: PlanSymbolValues,
    { buffer, offset, size }: BufferRange,
  ): Promise<ArrayBuffer> {
    const source = this.#buffer(buffer);
    const place = `running ${name}`;
    const encoder = this.#encode(name, symbols);
    try {
      const check = () => this.#shared.open.throwReported(place);
      return await this.#staging.read(encoder, { source, offset, size }, place, check);
    } catch (error) {
      return this.#fail(place, error);
    }
  }

  async read(output: PlanTensor, symbols: PlanSymbolValues): Promise<TensorData> {
    const shape = output.shape.map((d) => evalPlanDim(d, symbols));
    const elements = shape.reduce((n, d) => n * d, 1);
    const bytes = await this.readBytes(output.buffer, elements * 4);
    return output.dtype === "f32"
      ? new Float32Array(bytes)
      : output.dtype === "i32"
        ? new Int32Array(bytes)
        : new Uint32Array(bytes);
  }

  async readBytes(buffer: string, size: number): Promise<ArrayBuffer> {
    const place = `reading ${buffer}`;
    this.#checkOpen(place);
    const padded = storageBytes(size);
    const source = this.#buffer(buffer);
    const encoder = this.#shared.open.device.createCommandEncoder({ label: `read ${buffer}` });
    try {
      const check = () => this.#shared.open.check(place);
      const bytes = await this.#staging.read(encoder, { source, offset: 0, size: padded }, place, check);
      return padded === size ? bytes : bytes.slice(0, size);
    } catch (error) {
      return this.#fail(place, error);
    }
  }

  finish(place: string): Promise<void> {
    return this.#shared.open.check(place);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#staging.close();
    freeBuffers(this.#shared.open.device, this.#own.values());
    this.#onClose(this);
  }

  /** What waited for a buffer that is freed fails in one of several ways; the cause is that the sequence is closed, or the device lost. */
  async #fail(place: string, error: unknown): Promise<never> {
    if (this.#closed) this.#checkOpen(place);
    await throwIfLostSoon(this.#shared.open, place, error);
    throw error;
  }

  #encode(name: string, given: PlanSymbolValues): GPUCommandEncoder {
    this.#checkOpen(`running ${name}`);
    const { plan, open, symbols } = this.#shared;
    const entry = this.entry(name);
    this.#symbolOffset[0] = symbols.place(entry, given);
    const encoder = open.device.createCommandEncoder({ label: name });
    const pass = encoder.beginComputePass({ label: name });
    pass.setBindGroup(1, symbols.group, this.#symbolOffset);
    for (const step of this.#steps.get(name) ?? []) dispatchStep(pass, step, plan, entry, given);
    pass.end();
    return encoder;
  }

  /**
   * What a run of an entry point puts into its one pass, for who puts it into others; see step-timer.ts.
   * @throws RuntimeError as `run` does.
   */
  partsOf(name: string, given: PlanSymbolValues): RunParts {
    this.#checkOpen(`running ${name}`);
    const { plan, open, symbols } = this.#shared;
    const entry = this.entry(name);
    const offset = symbols.place(entry, given);
    const dispatches = (this.#steps.get(name) ?? []).map(
      (step) => (pass: GPUComputePassEncoder) => dispatchStep(pass, step, plan, entry, given),
    );
    const begin = (pass: GPUComputePassEncoder) => pass.setBindGroup(1, symbols.group, [offset]);
    return { open, begin, dispatches };
  }

  #buffer(name: string): GPUBuffer {
    const buffer = this.#own.get(name) ?? this.#shared.weights.get(name);
    if (!buffer) {
      const names = this.plan.buffers.filter((b) => b.kind !== "weight" && b.kind !== "temporary").map((b) => b.name);
      throw new RuntimeError(
        `plan ${this.plan.name}`,
        `there is no buffer ${name}`,
        `besides weights it has ${listNames(names)}`,
      );
    }
    return buffer;
  }

  #checkOpen(call: string): void {
    if (this.#closed) throw closedError(call, `sequence of plan ${this.plan.name}`, "make another one");
    this.#shared.open.throwIfLost(call);
  }
}

/**
 * An entry point of a plan.
 * @throws RuntimeError when it has none of that name.
 */
export function findEntry(plan: Plan, name: string): PlanEntry {
  const entry = plan.entries.find((e) => e.name === name);
  if (!entry)
    throw new RuntimeError(
      `plan ${plan.name}`,
      `there is no entry point ${name}`,
      `it has ${listNames(plan.entries.map((e) => e.name))}`,
    );
  return entry;
}
