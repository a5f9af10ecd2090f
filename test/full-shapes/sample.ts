// One case of a seed: a step at its full shape, a target, and of what the passes make of it one node, computed by one of the kernels that
// take it in one of its configurations. It is held against f64 at a sample of elements, and to the same bits in a second run.
import { compileEntries, standard } from "../../codegen/compile.ts";
import { type ConfiguredKernel, printConfig } from "../../codegen/kernel.ts";
import { regionKey } from "../../codegen/region-key.ts";
import { candidates, selectKernel } from "../../codegen/select-kernel.ts";
import { type Target, type TargetLimits, targetByName, targetForAdapter } from "../../codegen/target.ts";
import { at } from "../../ir/errors.ts";
import type { Node } from "../../ir/graph.ts";
import { parseGraph } from "../../ir/parse.ts";
import type { HostTensor } from "../../ir/tensor.ts";
import type { WeightDType } from "../../passes/index.ts";
import type { OpenDevice } from "../../runtime/device.ts";
import { pick, type Random, seededRandom } from "../fuzz/mutate.ts";
import { GpuGraph } from "../support/run-plan.ts";
import { seededTensor } from "../support/tensors.ts";
import type { Step } from "./steps.ts";

/** What one case has shown. */
export interface SampleReport {
  readonly seed: number;
  readonly kernel: string;
  /** Of the case. */
  readonly place: string;
  /** The largest error, in parts of what is allowed at that element. */
  readonly worst: number;
  /** What is wrong, or nothing. */
  readonly fault?: string;
}

const TARGETS = ["lavapipe", "h100", "webgpu-default"] as const;

/** Elements of a sample: half of them anywhere, and half where blocks of kernels end, besides the corners. */
const ELEMENTS = 64;
const TAIL = 64;

/** A target's machine and kernels, within what the adapter that is here can run. */
function targetHere(name: string, gpu: OpenDevice): Target {
  const [target, here] = [targetByName(name), targetForAdapter(gpu.adapter)];
  const least = (limit: keyof TargetLimits): number => Math.min(target.limits[limit], here.limits[limit]);
  return {
    ...target,
    features: target.features.filter((f) => here.features.includes(f)),
    limits: {
      maxStorageBuffersPerShaderStage: least("maxStorageBuffersPerShaderStage"),
      maxStorageBufferBindingSize: least("maxStorageBufferBindingSize"),
      maxBufferSize: least("maxBufferSize"),
      maxComputeWorkgroupStorageSize: least("maxComputeWorkgroupStorageSize"),
      maxComputeInvocationsPerWorkgroup: least("maxComputeInvocationsPerWorkgroup"),
    },
  };
}

/** What a seed names. */
export interface SampleCase {
  readonly seed: number;
  readonly step: Step;
  readonly target: Target;
  readonly weights: WeightDType;
  /** The node that the kernel computes; every other has the first kernel that takes it. */
  readonly node: Node;
  readonly chosen: ConfiguredKernel;
  /** Step, target, kernel and configuration, in words. */
  readonly place: string;
}

const known = new Map<string, readonly Node[]>();

/** What the passes make of a step. */
function nodesOf({ text, symbols }: Step, target: Target, weights: WeightDType): readonly Node[] {
  const key = JSON.stringify([text, symbols, target, weights]);
  const entry = { name: "run", graph: parseGraph(text), maxima: symbols };
  const nodes = known.get(key) ?? at(compileEntries("g", [entry], { target, weights }).entries, 0).fused.nodes;
  known.set(key, nodes);
  return nodes;
}

/** The case of a seed, of one of the steps. It depends on these and on what the adapter can run, and on nothing else. */
export function drawCase(gpu: OpenDevice, seed: number, steps: readonly Step[]): SampleCase {
  const random = seededRandom(seed);
  const [step, weights] = [pick(random, steps), pick<WeightDType>(random, ["f32", "f16"])];
  const target = targetHere(pick(random, TARGETS), gpu);
  const node = pick(random, nodesOf(step, target, weights));
  const takers = candidates(node, target).filter((c) => c.configs.length > 0);
  const { kernel, configs } = pick(random, takers);
  const config = pick(random, configs);
  const settings = printConfig(config);
  const place = `${step.name}, weights ${weights}, for ${target.name}: ${kernel.name}${settings && ` with ${settings}`}`;
  return { seed, step, target, weights, node, chosen: { kernel, config }, place };
}

/** Operands of a step are the same for every seed, so that the last step's serve again. */
let last: { readonly key: string; readonly tensors: ReadonlyMap<string, HostTensor> } | undefined;

function operandsOf({ text, symbols }: Step, weights: WeightDType): ReadonlyMap<string, HostTensor> {
  const key = `${text} ${weights} ${JSON.stringify(symbols)}`;
  if (last?.key === key) return last.tensors;
  const tensors = parseGraph(text).inputs.map(({ kind, value }, i) => {
    const type = kind === "weight" ? { ...value.type, dtype: weights } : value.type;
    // What f16 holds exactly, where it is to hold it.
    return [value.name, { ...seededTensor(type, symbols, i + 1), dtype: value.type.dtype }] as const;
  });
  last = { key, tensors: new Map(tensors) };
  return last.tensors;
}

/** Runs a case twice, and compares. */
export async function runCase(
  gpu: OpenDevice,
  { seed, step, target, weights, node, chosen, place }: SampleCase,
): Promise<SampleReport> {
  const [tensors, maxima, random] = [operandsOf(step, weights), step.symbols, seededRandom(seed)];
  const wanted = regionKey(node);
  const made = await GpuGraph.create(gpu, parseGraph(step.text), maxima, {
    target,
    weights,
    kernelFor: (n, t) => (regionKey(n) === wanted ? chosen : selectKernel(n, t, standard)),
  });
  const isRun = made.plan.kernels.some((k) => k.name.split(".")[0] === chosen.kernel.name);
  if (!isRun) throw new Error(`${place}: the plan has ${made.plan.kernels.map((k) => k.name).join(", ")}`);
  try {
    const [first, again] = [at(await made.run(tensors, maxima), 0), at(await made.run(tensors, maxima), 0)];
    const report = { seed, kernel: chosen.kernel.name, place };
    if (first.shape.join() !== step.shape.join())
      return { ...report, worst: Number.POSITIVE_INFINITY, fault: `the result is ${first.shape}, not ${step.shape}` };
    const changed = first.data.findIndex((x, i) => !Object.is(x, again.data[i]));
    const { worst, fault } = compare(first, step, tensors, random);
    if (changed >= 0) return { ...report, worst, fault: `element ${changed} is another when it runs again` };
    return { ...report, worst, ...(fault !== undefined && { fault }) };
  } finally {
    made.destroy();
  }
}

/** The largest error at a sample of elements, in parts of what is allowed, and what is wrong with the element that has it, if it is. */
export function compare(
  made: HostTensor,
  { shape, elements }: Step,
  tensors: ReadonlyMap<string, HostTensor>,
  random: Random,
): Pick<SampleReport, "worst" | "fault"> {
  const element = elements((name) => {
    const tensor = tensors.get(name);
    if (!tensor) throw new Error(`the step has no ${name}`);
    return tensor.data;
  });
  let worst = 0;
  let fault: string | undefined;
  for (const [row, column] of placesIn(shape, random)) {
    const [{ value, allowed }, got] = [element(row, column), at(made.data, row * shape[1] + column)];
    const off = Math.abs(got - value) / allowed;
    // A NaN is off by more than anything.
    if (off <= worst) continue;
    worst = Number.isNaN(off) ? Number.POSITIVE_INFINITY : off;
    if (worst > 1)
      fault = `[${row}, ${column}] is ${got}, but should be ${value}: off by ${Math.abs(got - value)}, and ${allowed} is allowed`;
  }
  return { worst, ...(fault !== undefined && { fault }) };
}

function placesIn(shape: Step["shape"], random: Random): readonly (readonly [row: number, column: number])[] {
  const [lastRow, lastColumn] = [shape[0] - 1, shape[1] - 1];
  const anywhere = (last: number): number => Math.floor(random() * (last + 1));
  const nearEnd = (last: number): number => last - anywhere(Math.min(last, TAIL - 1));
  const places = Array.from({ length: ELEMENTS }, (_, i) =>
    i % 2 === 0
      ? ([anywhere(lastRow), anywhere(lastColumn)] as const)
      : ([nearEnd(lastRow), nearEnd(lastColumn)] as const),
  );
  return [[0, 0], [0, lastColumn], [lastRow, 0], [lastRow, lastColumn], ...places];
}
