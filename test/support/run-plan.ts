// A graph on the GPU: compiled as a user would, run by the executor, its results as host tensors to compare.

import { evalPlanDim, type Plan, type PlanTensor, planDim } from "../../base/plan.ts";
import { type CompileOptions, compileEntries, standard } from "../../codegen/compile.ts";
import {
  type InstrumentedStep,
  initialChecks,
  instrumentPlan,
  printViolation,
  violationsOf,
} from "../../codegen/instrument.ts";
import type { Kernel } from "../../codegen/kernel.ts";
import { MemoryPlan } from "../../codegen/plan-memory.ts";
import { candidates, selectKernel } from "../../codegen/select-kernel.ts";
import { at, CompileError } from "../../ir/errors.ts";
import type { Graph } from "../../ir/graph.ts";
import { inputTensor } from "../../ir/recipe.ts";
import { countElements, type HostTensor, hostTensor } from "../../ir/tensor.ts";
import type { DType, SymbolValues } from "../../ir/type.ts";
import type { OpenDevice } from "../../runtime/device.ts";
import { Executor } from "../../runtime/executor.ts";
import type { TensorData } from "../../runtime/storage-buffer.ts";
import { toF16Bits } from "../../runtime/weights/convert.ts";
import { gpuDevice } from "./gpu.ts";
import { decodeF16 } from "./tensors.ts";

export interface GpuOptions extends CompileOptions {
  /** The kernel of every node that it accepts; the others get theirs by the usual choice. */
  readonly kernel?: Kernel;
  /** The largest symbols that the buffers must hold; those of the first run when absent. */
  readonly maxima?: SymbolValues;
  /** Whether kernels check their indices: a run throws where one was out of bounds. */
  readonly checkBounds?: boolean;
}

const ENTRY = "run";

/** Adds up what ran: how many dispatches each kernel of the compiler's list had in this process. */
export const dispatched = new Map<string, number>();

/** One graph, compiled and on the device, to run with several inputs and symbols. */
export class GpuGraph {
  readonly plan: Plan;
  readonly #executor: Executor;
  readonly #fused: Graph;
  readonly #outputs: readonly PlanTensor[];
  readonly #checked: readonly InstrumentedStep[];

  private constructor(
    plan: Plan,
    executor: Executor,
    fused: Graph,
    outputs: readonly PlanTensor[],
    checked: readonly InstrumentedStep[],
  ) {
    this.plan = plan;
    this.#executor = executor;
    this.#fused = fused;
    this.#outputs = outputs;
    this.#checked = checked;
  }

  static async create(
    gpu: OpenDevice,
    graph: Graph,
    maxima: SymbolValues,
    options: GpuOptions = {},
  ): Promise<GpuGraph> {
    const { kernel, toolkit = standard, checkBounds = false } = options;
    const compiled = compileEntries(graph.name, [{ name: ENTRY, graph, maxima }], {
      ...options,
      ...(kernel && {
        kernelFor: (node, target) =>
          candidates(node, target, toolkit).some((c) => c.kernel === kernel && c.refusal === undefined)
            ? kernel
            : selectKernel(node, target, toolkit),
      }),
    });
    const { fused } = at(compiled.entries, 0);
    // The plan lists no updated states among its outputs; where they lie, the memory planner says.
    const places = new MemoryPlan(maxima).place(fused);
    const outputs = fused.results.map(
      (v): PlanTensor => ({
        name: v.name,
        buffer: places.get(v) ?? v.name,
        dtype: v.type.dtype,
        shape: v.type.shape.map(planDim),
      }),
    );
    const { plan, steps } = checkBounds ? instrumentPlan(compiled) : { plan: compiled.plan, steps: [] };
    return new GpuGraph(plan, await Executor.create(gpu, plan), fused, outputs, steps);
  }

  /** The graph's results in order, updated states among them. */
  async run(inputs: ReadonlyMap<string, HostTensor>, symbols: SymbolValues = {}): Promise<HostTensor[]> {
    for (const input of this.#fused.inputs) {
      const { value } = input;
      const tensor = inputTensor(input, inputs);
      if (!tensor) throw new CompileError(`runOnGpu ${this.plan.name}`, `input ${value.name} is missing`);
      this.#executor.write(value.name, toGpu[value.type.dtype](tensor.data));
    }
    for (const step of this.#checked) this.#executor.write(step.buffer, initialChecks(step, symbols));
    this.#executor.run(ENTRY, symbols);
    for (const step of this.#executor.entry(ENTRY).steps) {
      const kernel = at(step.kernel.split("."), 0);
      dispatched.set(kernel, (dispatched.get(kernel) ?? 0) + 1);
    }
    await checkBoundsOf(this.#executor, this.#checked);
    const results: HostTensor[] = [];
    for (const output of this.#outputs) {
      const shape = output.shape.map((d) => evalPlanDim(d, symbols));
      results.push(hostTensor(output.dtype, shape, await this.#read(output, shape, symbols)));
    }
    return results;
  }

  /** What the host has no array of, such as the halves of a state, is read as bytes. */
  async #read(output: PlanTensor, shape: readonly number[], symbols: SymbolValues): Promise<ArrayLike<number>> {
    if (output.dtype !== "f16") return this.#executor.read(output, symbols);
    const count = countElements(shape);
    const bytes = await this.#executor.readBytes(output.buffer, 4 * Math.ceil(count / 2));
    return Float64Array.from(new Uint16Array(bytes).subarray(0, count), decodeF16);
  }

  destroy(): void {
    this.#executor.destroy();
  }
}

/** Throws with every index that a run has found out of bounds. */
export async function checkBoundsOf(executor: Executor, steps: readonly InstrumentedStep[]): Promise<void> {
  const said: string[] = [];
  for (const step of steps) {
    const bytes = await executor.readBytes(step.buffer, initialChecks(step, {}).byteLength);
    said.push(...violationsOf(step, new Uint32Array(bytes)).map(printViolation));
  }
  if (said.length > 0) throw new Error(said.join("\n"));
}

/** Compiles the graph, runs it once and returns its results. */
export async function runOnGpu(
  graph: Graph,
  inputs: ReadonlyMap<string, HostTensor>,
  symbols: SymbolValues = {},
  options: GpuOptions = {},
): Promise<HostTensor[]> {
  const made = await GpuGraph.create(await gpuDevice(), graph, options.maxima ?? symbols, options);
  try {
    return await made.run(inputs, symbols);
  } finally {
    made.destroy();
  }
}

/** How a host tensor's numbers lie in a buffer of a dtype. */
const toGpu: Readonly<Record<DType, (data: Float64Array) => TensorData>> = {
  f32: (data) => Float32Array.from(data),
  i32: (data) => Int32Array.from(data),
  u32: (data) => Uint32Array.from(data),
  // A bool has no place in a buffer; it lies there as a u32.
  bool: (data) => Uint32Array.from(data),
  // Halves lie in pairs, so that the last one may need company.
  f16: (data) => {
    const bits = new Uint16Array(data.length + (data.length % 2));
    bits.set(toF16Bits(Float32Array.from(data)));
    return new Uint32Array(bits.buffer);
  },
};
