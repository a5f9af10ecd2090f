// One sequence's buffers and bind groups on a loaded plan, and how its entry points are run.
import type { OpenDevice } from "./device.ts";
import { inErrorScopes, throwIfLost, throwProblem } from "./error-scopes.ts";
import { optionError, RuntimeError } from "./errors.ts";
import { evalPlanDim, type Plan, type PlanEntry, type PlanSymbolValues, type PlanTensor } from "./plan.ts";
import { type BoundStep, bindStep, foldWorkgroups, type PreparedStep } from "./prepare-steps.ts";
import type { BufferRange, SequenceState } from "./sequence-state.ts";
import { Staging } from "./staging.ts";
import { createStorageBuffer, type TensorData, writeStorageBuffer } from "./storage-buffer.ts";
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
      throwProblem(`plan ${plan.name}`, await problem);
      await throwIfLost(device, `plan ${plan.name}`);
      return new PlanSequence(shared, own, made, onClose);
    } catch (error) {
      for (const buffer of own.values()) buffer.destroy();
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
    return this.#read(this.#encode(name, symbols), { source, offset, size }, place, () =>
      this.#shared.open.throwReported(place),
    );
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
    const padded = Math.max(4, Math.ceil(size / 4) * 4);
    const source = this.#buffer(buffer);
    const encoder = this.#shared.open.device.createCommandEncoder({ label: `read ${buffer}` });
    const bytes = await this.#read(encoder, { source, offset: 0, size: padded }, place, () =>
      this.#shared.open.check(place),
    );
    return padded === size ? bytes : bytes.slice(0, size);
  }

  finish(place: string): Promise<void> {
    return this.#shared.open.check(place);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const buffer of this.#own.values()) buffer.destroy();
    this.#staging.close();
    this.#onClose(this);
  }

  async #read(...given: Parameters<Staging["read"]>): Promise<ArrayBuffer> {
    try {
      return await this.#staging.read(...given);
    } catch (error) {
      // What waited for a buffer that is freed fails in one of several ways; the cause is this one.
      this.#checkOpen(given[2]);
      throw error;
    }
  }

  #encode(name: string, given: PlanSymbolValues): GPUCommandEncoder {
    this.#checkOpen(`running ${name}`);
    const { plan, open, symbols } = this.#shared;
    const entry = this.entry(name);
    this.#symbolOffset[0] = symbols.place(entry, given);
    const encoder = open.device.createCommandEncoder({ label: name });
    const pass = encoder.beginComputePass({ label: name });
    pass.setBindGroup(1, symbols.group, this.#symbolOffset);
    for (const bound of this.#steps.get(name) ?? []) {
      pass.setPipeline(bound.pipeline);
      pass.setBindGroup(0, bound.group);
      const [x, y, z] = bound.workgroups ?? foldWorkgroups(plan, entry, bound.step, { ...given, ...entry.fixed });
      // Each argument that is passed costs, and nearly always two of them are 1.
      if (y === 1 && z === 1) pass.dispatchWorkgroups(x);
      else pass.dispatchWorkgroups(x, y, z);
    }
    pass.end();
    return encoder;
  }

  #buffer(name: string): GPUBuffer {
    const buffer = this.#own.get(name) ?? this.#shared.weights.get(name);
    if (!buffer) throw new RuntimeError(`plan ${this.plan.name}`, `there is no buffer ${name}`);
    return buffer;
  }

  #checkOpen(call: string): void {
    if (this.#closed) throw closedError(call, `sequence of plan ${this.plan.name}`, "make another one");
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
      `it has ${plan.entries.map((e) => e.name).join(", ")}`,
    );
  return entry;
}
