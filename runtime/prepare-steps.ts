// From a plan's steps to what a compute pass is given: pipelines, and workgroups where no symbol decides them, once for a
// loaded plan; bind groups once for each sequence. A call makes nothing.
import { unreachable } from "../base/index.ts";
import {
  evalPlanCount,
  evalPlanDim,
  PLAN_VERSION,
  type Plan,
  type PlanCount,
  type PlanDim,
  type PlanEntry,
  type PlanKernel,
  type PlanStep,
  type PlanSymbolValues,
} from "../base/plan.ts";
import { firstLine, type OpenDevice } from "./device.ts";
import { RuntimeError } from "./errors.ts";

/** A kernel on a device. */
export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

type Workgroups = readonly [x: number, y: number, z: number];

/** A step with what it shares with the same step of every sequence. */
export interface PreparedStep extends Pipeline {
  readonly step: PlanStep;
  /** Where no symbol decides them. */
  readonly workgroups: Workgroups | undefined;
}

/** A step with the buffers of one sequence: all of one shape, for they are what a token's way goes through. */
export interface BoundStep extends Pick<PreparedStep, "pipeline" | "step" | "workgroups"> {
  readonly group: GPUBindGroup;
}

const MAX_GROUPS = 65535;

/** Refuses a plan that the device can't run, before anything is made. */
export function checkPlan({ device, adapter }: OpenDevice, plan: Plan): void {
  const place = `plan ${plan.name} for ${plan.target}`;
  if (plan.version !== PLAN_VERSION)
    throw new RuntimeError(
      place,
      `its format is version ${plan.version}, but this runtime reads ${PLAN_VERSION}`,
      "compile it again",
    );
  const missing = lacks({ device, adapter }, plan);
  if (missing.length > 0)
    throw new RuntimeError(
      place,
      `needs ${missing.join(" and ")}`,
      "compile for another target; a smaller model, or a shorter context, needs less",
    );
}

/** What a plan needs and the device has not, as `maxBufferSize 16, but an adapter offers 8`. */
export function lacks(
  { device, adapter }: Pick<OpenDevice, "device" | "adapter">,
  { requiredFeatures, requiredLimits }: Pick<Plan, "requiredFeatures" | "requiredLimits">,
): readonly string[] {
  const limits = device.limits as unknown as Readonly<Record<string, number>>;
  return [
    ...requiredFeatures.filter((f) => !device.features.has(f)).map((f) => `${f}, but ${adapter.description} has not`),
    ...Object.entries(requiredLimits)
      .filter(([name, needed]) => needed > (limits[name] ?? 0))
      .map(([name, needed]) => `${name} ${needed}, but ${adapter.description} offers ${limits[name] ?? 0}`),
  ];
}

export async function createPipeline(
  device: GPUDevice,
  kernel: PlanKernel,
  symbols: GPUBindGroupLayout,
): Promise<Pipeline> {
  const module = device.createShaderModule({ label: kernel.name, code: kernel.wgsl });
  const types = { read: "read-only-storage", read_write: "storage" } as const;
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
      layout: device.createPipelineLayout({
        label: kernel.name,
        bindGroupLayouts: kernel.usesSymbols ? [layout, symbols] : [layout],
      }),
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
        : firstLine(error instanceof Error ? error.message : String(error)),
    );
  }
}

/** @throws RuntimeError for a step that needs what the plan does not have, or more workgroups than there are. */
export function prepareStep(
  plan: Plan,
  entry: PlanEntry,
  step: PlanStep,
  pipelines: ReadonlyMap<string, Pipeline>,
): PreparedStep {
  const place = `plan ${plan.name}.${entry.name} ${step.label}`;
  const made = pipelines.get(step.kernel);
  if (!made) throw new RuntimeError(place, `runs kernel ${step.kernel}, which the plan does not have`);
  const missing = step.bindings.find((name) => !plan.buffers.some((b) => b.name === name));
  if (missing !== undefined) throw new RuntimeError(place, `binds buffer ${missing}, which the plan does not have`);
  const known = step.workgroups.every((c) => c.every((f) => isDecided(f.dim, entry)));
  return { ...made, step, workgroups: known ? foldWorkgroups(plan, entry, step, entry.fixed) : undefined };
}

/** Binds a sequence's buffers, in which every buffer of the plan is. */
export function bindStep(
  device: GPUDevice,
  prepared: PreparedStep,
  buffers: ReadonlyMap<string, GPUBuffer>,
): BoundStep {
  const { pipeline, layout, step, workgroups } = prepared;
  const entries = step.bindings.map(
    (name, binding): GPUBindGroupEntry => ({
      binding,
      resource: { buffer: buffers.get(name) ?? unreachable(`${step.label} binds ${name}, which was not made`) },
    }),
  );
  const group = device.createBindGroup({ label: step.label, layout, entries });
  return { pipeline, group, workgroups, step };
}

/** Puts a step into a pass whose group 1 is bound. Returns false, and leaves the pass as it is, where there is nothing to do. */
export function dispatchStep(
  pass: GPUComputePassEncoder,
  { pipeline, group, workgroups, step }: BoundStep,
  plan: Plan,
  entry: PlanEntry,
  given: PlanSymbolValues,
): boolean {
  const counts = workgroups ?? foldWorkgroups(plan, entry, step, { ...given, ...entry.fixed });
  const [x, y, z] = [counts[0], counts[1], counts[2]];
  // Dawn would wonder.
  if (x === 0 || y === 0 || z === 0) return false;
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  // Each argument that is passed costs, and nearly always two of them are 1.
  if (y === 1 && z === 1) pass.dispatchWorkgroups(x);
  else pass.dispatchWorkgroups(x, y, z);
  return true;
}

/** Whether the entry point fixes every symbol of the dim. */
const isDecided = (dim: PlanDim, entry: PlanEntry): boolean =>
  typeof dim === "number" || !Number.isNaN(evalPlanDim(dim, entry.fixed));

/** The workgroups of a step; more than one axis may have are folded into y, where kernels with a linear index expect them. */
export function foldWorkgroups(plan: Plan, entry: PlanEntry, step: PlanStep, symbols: PlanSymbolValues): Workgroups {
  const count = (c: PlanCount) => evalPlanCount(c, symbols);
  const [x, y, z] = [count(step.workgroups[0]), count(step.workgroups[1]), count(step.workgroups[2])];
  const folds = x > MAX_GROUPS && y === 1;
  const rows = folds ? Math.ceil(x / MAX_GROUPS) : y;
  if (rows > MAX_GROUPS || z > MAX_GROUPS || (x > MAX_GROUPS && !folds))
    throw new RuntimeError(
      `${plan.name}.${entry.name} ${step.label}`,
      `needs ${x} × ${y} × ${z} workgroups, but a dispatch has ${MAX_GROUPS} on an axis at most`,
    );
  return [folds ? MAX_GROUPS : x, rows, z];
}
