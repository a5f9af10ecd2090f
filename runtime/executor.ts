// Runs a plan on a device. The one executor: what is compiled in memory and what is read from a bundle take the same path.
import { firstLine, type OpenDevice } from "./device.ts";
import { optionError, RuntimeError } from "./errors.ts";
import {
  bufferBytes,
  evalPlanDim,
  type Plan,
  type PlanEntry,
  type PlanSymbolValues,
  type PlanTensor,
  symbolMaxima,
} from "./plan.ts";
import { checkPlan, createPipeline, foldWorkgroups, type PreparedStep, prepareStep } from "./prepare-steps.ts";
import { SymbolTable } from "./symbol-table.ts";

/** Part of a buffer, in bytes; multiples of 4. */
export interface BufferRange {
  readonly buffer: string;
  readonly offset: number;
  readonly size: number;
}

/** Elements of a tensor on the host, row-major. */
export type TensorData = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** A plan on a device: its buffers, shaders and bind groups, made once. */
export class Executor {
  readonly plan: Plan;
  readonly #open: OpenDevice;
  readonly #buffers: ReadonlyMap<string, GPUBuffer>;
  readonly #steps: ReadonlyMap<string, readonly PreparedStep[]>;
  readonly #symbols: SymbolTable;
  /** An argument of every call, so that a step makes no array. */
  readonly #symbolOffset = [0];
  /** Buffers to read through that no read is using, and those that one is. */
  readonly #staging: GPUBuffer[] = [];
  readonly #reading = new Set<GPUBuffer>();

  private constructor(
    plan: Plan,
    open: OpenDevice,
    buffers: ReadonlyMap<string, GPUBuffer>,
    symbols: SymbolTable,
    steps: ReadonlyMap<string, readonly PreparedStep[]>,
  ) {
    this.plan = plan;
    this.#open = open;
    this.#buffers = buffers;
    this.#symbols = symbols;
    this.#steps = steps;
  }

  /**
   * Compiles the shaders, makes buffers and bind groups.
   * @throws RuntimeError when the adapter lacks a feature or a limit of the plan, or when WebGPU refuses anything.
   */
  static async create(open: OpenDevice, plan: Plan): Promise<Executor> {
    checkPlan(open, plan);
    const { device } = open;
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
    const buffers = new Map<string, GPUBuffer>();
    device.pushErrorScope("out-of-memory");
    device.pushErrorScope("validation");
    const made = await (async () => {
      for (const b of plan.buffers)
        buffers.set(b.name, device.createBuffer({ label: b.name, size: bufferBytes(b, symbolMaxima(plan)), usage }));
      const symbols = new SymbolTable(device, plan);
      const pipelines = new Map(
        await Promise.all(
          plan.kernels.map(async (k) => [k.name, await createPipeline(device, k, symbols.layout)] as const),
        ),
      );
      const steps = new Map(
        plan.entries.map((entry) => [
          entry.name,
          entry.steps.map((step) => prepareStep(device, plan, entry, step, pipelines, buffers)),
        ]),
      );
      return new Executor(plan, open, buffers, symbols, steps);
    })().catch((error: unknown) => ({ error }));
    // Both scopes, whatever happened: one left open would swallow the errors of all that comes after.
    const invalid = await device.popErrorScope();
    // What memory was missing for is invalid as well; the first cause is of more use.
    const problem = (await device.popErrorScope()) ?? invalid;
    if (made instanceof Executor && !problem) return made;
    for (const b of buffers.values()) b.destroy();
    if (!(made instanceof Executor)) throw made.error;
    throw new RuntimeError(`plan ${plan.name}`, problem?.message.trim() ?? "");
  }

  /** Bytes of every buffer that lives as long as the executor. */
  get bufferBytes(): number {
    return [...this.#buffers.values(), this.#symbols.buffer].reduce((n, b) => n + b.size, 0);
  }

  /**
   * Writes part of a buffer (a weight, an input or a state), from `offset` bytes on. Multiples of 4 bytes.
   * @throws RuntimeError for a buffer that is none, and bytes beyond its end.
   */
  write(buffer: string, data: Uint8Array<ArrayBuffer> | TensorData, offset = 0): void {
    const into = this.#buffer(buffer);
    if (offset + data.byteLength > into.size)
      throw optionError(
        `buffer ${buffer}`,
        `has ${into.size} bytes, but ${data.byteLength} are written from byte ${offset} on`,
        "it is sized for the plan's largest symbols",
      );
    this.#open.device.queue.writeBuffer(into, offset, data);
  }

  /**
   * An entry point of the plan.
   * @throws RuntimeError when it has none of that name.
   */
  entry(name: string): PlanEntry {
    const entry = this.plan.entries.find((e) => e.name === name);
    if (!entry)
      throw new RuntimeError(
        `plan ${this.plan.name}`,
        `there is no entry point ${name}`,
        `it has ${this.plan.entries.map((e) => e.name).join(", ")}`,
      );
    return entry;
  }

  /**
   * Runs one entry point: one compute pass, one submit. The inputs must have been written.
   * @throws RuntimeError for an entry point that is none, and symbols that are missing or out of range.
   */
  run(name: string, given: PlanSymbolValues): void {
    const encoder = this.#encode(name, given);
    this.#open.device.queue.submit([encoder.finish()]);
  }

  /**
   * Runs one entry point and returns bytes of a buffer as they are right after it, without waiting for anything queued later:
   * any number of runs may be on their way at once.
   * @throws RuntimeError for what WebGPU reported, an entry point or a buffer that is none, and symbols out of range.
   */
  async runAndRead(name: string, given: PlanSymbolValues, { buffer, offset, size }: BufferRange): Promise<ArrayBuffer> {
    const encoder = this.#encode(name, given);
    const staging = this.#takeStaging(size);
    encoder.copyBufferToBuffer(this.#buffer(buffer), offset, staging, 0, size);
    this.#open.device.queue.submit([encoder.finish()]);
    const problem = await this.#map(staging, size);
    this.#open.throwReported(`running ${name}`);
    if (problem) throw new RuntimeError(`running ${name}`, problem);
    return this.#returnStaging(staging, size);
  }

  #encode(name: string, given: PlanSymbolValues): GPUCommandEncoder {
    const entry = this.entry(name);
    this.#symbolOffset[0] = this.#symbols.place(entry, given);
    const encoder = this.#open.device.createCommandEncoder({ label: name });
    const pass = encoder.beginComputePass({ label: name });
    pass.setBindGroup(1, this.#symbols.group, this.#symbolOffset);
    for (const prepared of this.#steps.get(name) ?? []) {
      pass.setPipeline(prepared.pipeline);
      pass.setBindGroup(0, prepared.group);
      const [x, y, z] =
        prepared.workgroups ?? foldWorkgroups(this.plan, entry, prepared.step, { ...given, ...entry.fixed });
      // Each argument that is passed costs, and nearly always two of them are 1.
      if (y === 1 && z === 1) pass.dispatchWorkgroups(x);
      else pass.dispatchWorkgroups(x, y, z);
    }
    pass.end();
    return encoder;
  }

  /**
   * An output's elements after `run`. Waits for the GPU.
   * @throws RuntimeError for what WebGPU reported.
   */
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

  /** The first `size` bytes of a buffer, as they are when what was run before this call is done. */
  async readBytes(buffer: string, size: number): Promise<ArrayBuffer> {
    const { device } = this.#open;
    const padded = Math.max(4, Math.ceil(size / 4) * 4);
    const staging = this.#takeStaging(padded);
    const encoder = device.createCommandEncoder({ label: `read ${buffer}` });
    encoder.copyBufferToBuffer(this.#buffer(buffer), 0, staging, 0, padded);
    device.queue.submit([encoder.finish()]);
    const problem = await this.#map(staging, padded);
    await this.#open.check(`reading ${buffer}`);
    if (problem) throw new RuntimeError(`reading ${buffer}`, problem);
    return this.#returnStaging(staging, size);
  }

  /** Waits until a buffer is mapped, or says why it can't be; then it is no longer of use. */
  async #map(staging: GPUBuffer, size: number): Promise<string | undefined> {
    this.#reading.add(staging);
    try {
      await this.#open.wait(staging.mapAsync(GPUMapMode.READ, 0, size));
      return undefined;
    } catch (error) {
      staging.destroy();
      return firstLine(String(error));
    } finally {
      this.#reading.delete(staging);
    }
  }

  /** A mapped buffer's bytes; the buffer is free for the next read. */
  #returnStaging(staging: GPUBuffer, size: number): ArrayBuffer {
    const bytes = staging.getMappedRange(0, Math.ceil(size / 4) * 4).slice(0, size);
    staging.unmap();
    this.#staging.push(staging);
    return bytes;
  }

  /** One that is large enough, or a new one in the place of one that is not: there are never more than reads at a time. */
  #takeStaging(size: number): GPUBuffer {
    const large = this.#staging.findIndex((b) => b.size >= size);
    const [found] = this.#staging.splice(Math.max(large, 0), 1);
    if (found && found.size >= size) return found;
    found?.destroy();
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    return this.#open.device.createBuffer({ label: "staging", size, usage });
  }

  /**
   * Waits for what is queued.
   * @throws RuntimeError for what WebGPU reported.
   */
  finish(place: string): Promise<void> {
    return this.#open.check(place);
  }

  /** Frees the buffers; the device stays. Reads that wait for the GPU fail. */
  destroy(): void {
    for (const b of [...this.#buffers.values(), ...this.#staging, ...this.#reading, this.#symbols.buffer]) b.destroy();
  }

  #buffer(name: string): GPUBuffer {
    const buffer = this.#buffers.get(name);
    if (!buffer) throw new RuntimeError(`plan ${this.plan.name}`, `there is no buffer ${name}`);
    return buffer;
  }
}
