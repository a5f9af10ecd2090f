// Whether a plan keeps to the limits of the target that it was made for: its buffers, its shaders, its dispatches.

import type { Fix } from "../base/index.ts";
import { evalPlanCount, type PlanEntry, type PlanKernel } from "../base/plan.ts";
import { CompileError, type SymbolValues } from "../ir/index.ts";
import type { LargestBuffer } from "./plan-memory.ts";
import { shaderNeeds } from "./shader-needs.ts";
import { MAX_WORKGROUPS, type Target } from "./target.ts";

/** What a target's adapters would refuse to make or to run. */
export class BeyondTarget extends CompileError {
  constructor(place: string, facts: string, hint?: string, fix?: Fix) {
    super(place, facts, { code: "beyond-target", hint, fix });
  }
}

/** The parts of a plan that limits speak of. */
export interface LimitedPlan {
  readonly name: string;
  readonly maxima: SymbolValues;
  readonly largest: LargestBuffer;
  readonly kernels: readonly PlanKernel[];
  readonly entries: readonly PlanEntry[];
}

/** The first limit of the target that the plan goes beyond; undefined when it keeps to all of them. */
export function findExcess(plan: LimitedPlan, target: Target): BeyondTarget | undefined {
  return bufferExcess(plan, target) ?? kernelExcess(plan, target) ?? dispatchExcess(plan, target);
}

function bufferExcess({ name, largest }: LimitedPlan, { name: target, limits }: Target): BeyondTarget | undefined {
  // Every buffer is bound whole.
  const most = Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
  if (largest.bytes <= most) return undefined;
  const what = largest.holds === largest.name ? largest.holds : `${largest.holds}, in ${largest.name},`;
  return new BeyondTarget(`plan ${name}`, `${what} takes ${largest.bytes} bytes, but ${target} binds ${most} at most`);
}

function kernelExcess({ name, kernels }: LimitedPlan, { name: target, limits }: Target): BeyondTarget | undefined {
  for (const kernel of kernels) {
    const needs = shaderNeeds(kernel.wgsl);
    const counts = [
      ["storage buffers", kernel.access.length, limits.maxStorageBuffersPerShaderStage],
      ["invocations in a workgroup", needs?.invocations ?? 0, limits.maxComputeInvocationsPerWorkgroup],
      ["bytes of workgroup memory", needs?.sharedBytes ?? 0, limits.maxComputeWorkgroupStorageSize],
    ] as const;
    const beyond = counts.find(([, needed, most]) => needed > most);
    if (!beyond) continue;
    const [what, needed, most] = beyond;
    return new BeyondTarget(`plan ${name} ${kernel.name}`, `needs ${needed} ${what}, but ${target} has ${most}`);
  }
  return undefined;
}

function dispatchExcess({ name, maxima, entries }: LimitedPlan, target: Target): BeyondTarget | undefined {
  for (const { name: entry, fixed, steps } of entries)
    for (const { label, workgroups } of steps) {
      const counts = workgroups.map((c) => evalPlanCount(c, { ...maxima, ...fixed }));
      const [x = 1, y = 1, z = 1] = counts;
      // The runtime folds a longer x into y where there is one row.
      const rows = y === 1 ? Math.ceil(x / MAX_WORKGROUPS) : Math.max(x, y);
      if (Math.max(rows, z) > MAX_WORKGROUPS)
        return new BeyondTarget(
          `plan ${name} ${entry} ${label}`,
          `needs ${counts.join(" × ")} workgroups, but ${target.name} has ${MAX_WORKGROUPS} on an axis`,
        );
    }
  return undefined;
}
