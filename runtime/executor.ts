// Runs a plan on a device. The one executor: what is compiled in memory and what is read from a bundle take the same path.
import type { OpenDevice } from "./device.ts";
import { RuntimeError } from "./errors.ts";
import {
  bufferBytes,
  evalPlanCount,
  evalPlanDim,
  PLAN_SYMBOLS,
  PLAN_VERSION,
  type Plan,
  type PlanEntry,
  type PlanKernel,
  type PlanStep,
  type PlanSymbolValues,
  type PlanTensor,
  SYMBOL_BUFFER,
} from "./plan.ts";

interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

interface PreparedStep {
  readonly step: PlanStep;
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
}

const SYMBOL_BYTES = 16;
/** More workgroups on one axis are folded into y; kernels with a linear index expect it. */
const MAX_GROUPS = 65535;

export type TensorData = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

export class Executor {
  readonly plan: Plan;
  readonly #open: OpenDevice;
  readonly #buffers: ReadonlyMap<string, GPUBuffer>;
  readonly #steps: ReadonlyMap<string, readonly PreparedStep[]>;
  readonly #symbols: GPUBuffer;
  readonly #symbolValues = new Uint32Array(SYMBOL_BYTES / 4);
  /** Buffers to read through that no read is using. */
  readonly #staging: GPUBuffer[] = [];

  private constructor(
    plan: Plan,
    open: OpenDevice,
    buffers: ReadonlyMap<string, GPUBuffer>,
    symbols: GPUBuffer,
    steps: ReadonlyMap<string, readonly PreparedStep[]>,
  ) {
    this.plan = plan;
    this.#open = open;
    this.#buffers = buffers;
    this.#symbols = symbols;
    this.#steps = steps;
  }

  /**
   * Compiles the shaders, makes buffers and bind groups. Throws a RuntimeError when the adapter lacks a feature or a limit
   * of the plan, or when WebGPU refuses anything.
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
        buffers.set(b.name, device.createBuffer({ label: b.name, size: bufferBytes(b, plan.maxima), usage }));
      const symbols = device.createBuffer({
        label: SYMBOL_BUFFER,
        size: SYMBOL_BYTES,
        usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
      });
      const pipelines = new Map(
        await Promise.all(plan.kernels.map(async (k) => [k.name, await createPipeline(device, k)] as const)),
      );
      const all = new Map([...buffers, [SYMBOL_BUFFER, symbols]]);
      const steps = new Map(
        plan.entries.map((entry) => [
          entry.name,
          entry.steps.map((step) => prepare(device, plan, entry, step, pipelines, all)),
        ]),
      );
      return new Executor(plan, open, buffers, symbols, steps);
    })().catch((error: unknown) => ({ error }));
    // Both scopes, whatever happened: one left open would swallow the errors of all that comes after.
    const problems = [await device.popErrorScope(), await device.popErrorScope()];
    const problem = problems.find((p) => p !== null);
    if (made instanceof Executor && !problem) return made;
    for (const b of buffers.values()) b.destroy();
    if (!(made instanceof Executor)) throw made.error;
    throw new RuntimeError(`plan ${plan.name}`, problem?.message.trim() ?? "");
  }

  /** Bytes of every buffer that the plan asked for. */
  get bufferBytes(): number {
    return [...this.#buffers.values()].reduce((n, b) => n + b.size, 0);
  }

  /** Writes part of a buffer (a weight, an input or a state), from `offset` bytes on. Multiples of 4 bytes. */
  write(buffer: string, data: Uint8Array<ArrayBuffer> | TensorData, offset = 0): void {
    this.#open.device.queue.writeBuffer(this.#buffer(buffer), offset, data);
  }

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

  /** Runs one entry point: one compute pass, one submit. The inputs must have been written. */
  run(name: string, given: PlanSymbolValues): void {
    const entry = this.entry(name);
    const symbols = { ...given, ...entry.fixed };
    this.#writeSymbols(entry, symbols);
    const encoder = this.#open.device.createCommandEncoder({ label: name });
    const pass = encoder.beginComputePass({ label: name });
    for (const { step, pipeline, group } of this.#steps.get(name) ?? []) {
      const [x, y, z] = step.workgroups.map((c) => evalPlanCount(c, symbols)) as [number, number, number];
      const folds = x > MAX_GROUPS && y === 1;
      const rows = folds ? Math.ceil(x / MAX_GROUPS) : y;
      if (rows > MAX_GROUPS || z > MAX_GROUPS || (x > MAX_GROUPS && !folds))
        throw new RuntimeError(
          `${this.plan.name}.${name} ${step.label}`,
          `needs ${x} × ${y} × ${z} workgroups, but a dispatch has ${MAX_GROUPS} on an axis at most`,
        );
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(folds ? MAX_GROUPS : x, rows, z);
    }
    pass.end();
    this.#open.device.queue.submit([encoder.finish()]);
  }

  /** An output's elements after `run`. Waits for the GPU; throws what WebGPU reported. */
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
    await staging.mapAsync(GPUMapMode.READ, 0, padded).catch(() => undefined);
    await this.#open.check(`reading ${buffer}`);
    const bytes = staging.getMappedRange(0, padded).slice(0, size);
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

  /** Waits for what is queued and throws what WebGPU reported. */
  finish(place: string): Promise<void> {
    return this.#open.check(place);
  }

  /** Frees the buffers; the device stays. */
  destroy(): void {
    for (const b of [...this.#buffers.values(), ...this.#staging, this.#symbols]) b.destroy();
  }

  #writeSymbols(entry: PlanEntry, symbols: PlanSymbolValues): void {
    for (const [i, s] of PLAN_SYMBOLS.entries()) {
      const value = symbols[s];
      const most = this.plan.maxima[s];
      const least = s === "P" ? 0 : 1;
      if (most !== undefined && entry.fixed[s] === undefined) {
        const place = `${this.plan.name}.${entry.name}`;
        if (value === undefined) throw new RuntimeError(place, `${s} is not given, but the plan's sizes depend on it`);
        if (value > most) throw new RuntimeError(place, `${s} is ${value}, but the plan is made for ${most} at most`);
        if (!Number.isInteger(value) || value < least)
          throw new RuntimeError(place, `${s} is ${value}, but it must be a whole number from ${least} on`);
      }
      this.#symbolValues[i] = value ?? 0;
    }
    this.#open.device.queue.writeBuffer(this.#symbols, 0, this.#symbolValues);
  }

  #buffer(name: string): GPUBuffer {
    const buffer = this.#buffers.get(name);
    if (!buffer) throw new RuntimeError(`plan ${this.plan.name}`, `there is no buffer ${name}`);
    return buffer;
  }
}

/** Refuses a plan that the device can't run, before anything is made. */
function checkPlan({ device, adapter }: OpenDevice, plan: Plan): void {
  const place = `plan ${plan.name} for ${plan.target}`;
  if (plan.version !== PLAN_VERSION)
    throw new RuntimeError(
      place,
      `its format is version ${plan.version}, but this runtime reads ${PLAN_VERSION}`,
      "compile it again",
    );
  const missing = plan.requiredFeatures.filter((f) => !device.features.has(f));
  if (missing.length > 0)
    throw new RuntimeError(
      place,
      `needs ${missing.join(", ")}, but ${adapter.description} has not`,
      "compile for a target without it",
    );
  const limits = device.limits as unknown as Readonly<Record<string, number>>;
  for (const [name, needed] of Object.entries(plan.requiredLimits)) {
    const offered = limits[name] ?? 0;
    if (needed > offered)
      throw new RuntimeError(
        place,
        `needs ${name} ${needed}, but ${adapter.description} offers ${offered}`,
        "a smaller model, or a shorter context, needs less",
      );
  }
}

async function createPipeline(device: GPUDevice, kernel: PlanKernel): Promise<Pipeline> {
  const module = device.createShaderModule({ label: kernel.name, code: kernel.wgsl });
  const types = { read: "read-only-storage", read_write: "storage", uniform: "uniform" } as const;
  const layout = device.createBindGroupLayout({
    label: kernel.name,
    entries: kernel.access.map((a, binding) => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type: types[a] },
    })),
  });
  try {
    const pipeline = await device.createComputePipelineAsync({
      label: kernel.name,
      layout: device.createPipelineLayout({ label: kernel.name, bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: "main" },
    });
    return { pipeline, layout };
  } catch (error) {
    // Dawn's own message says only that the module is invalid; what is wrong with it, the module knows.
    const { messages } = await module.getCompilationInfo();
    const found = messages.find((m) => m.type === "error");
    const line = kernel.wgsl.split("\n")[(found?.lineNum ?? 0) - 1]?.trim();
    throw new RuntimeError(
      `kernel ${kernel.name}`,
      found
        ? `line ${found.lineNum}: ${found.message}${line ? `: ${line}` : ""}`
        : error instanceof Error
          ? error.message.trim()
          : String(error),
    );
  }
}

function prepare(
  device: GPUDevice,
  plan: Plan,
  entry: PlanEntry,
  step: PlanStep,
  pipelines: ReadonlyMap<string, Pipeline>,
  buffers: ReadonlyMap<string, GPUBuffer>,
): PreparedStep {
  const place = `plan ${plan.name}.${entry.name} ${step.label}`;
  const made = pipelines.get(step.kernel);
  if (!made) throw new RuntimeError(place, `runs kernel ${step.kernel}, which the plan does not have`);
  const entries = step.bindings.map((name, binding): GPUBindGroupEntry => {
    const buffer = buffers.get(name);
    if (!buffer) throw new RuntimeError(place, `binds buffer ${name}, which the plan does not have`);
    return { binding, resource: { buffer } };
  });
  return {
    step,
    pipeline: made.pipeline,
    group: device.createBindGroup({ label: step.label, layout: made.layout, entries }),
  };
}
