// What a plan asks of an adapter's limits: what its kernels use, and no more, so that an adapter with less than the target that
// it was compiled for still runs it where it can.
import type { PlanKernel } from "../base/plan.ts";
import { shaderNeeds } from "./shader-needs.ts";
import type { TargetLimits } from "./target.ts";

/** The longest workgroup along z that every WebGPU device makes. */
const LEAST_DEPTH = 64;

/**
 * WebGPU limits by name: the largest of what the kernels' WGSL declares, and of the buffers, each of which is bound whole. A
 * kernel whose declarations can't be read may use all that the target has.
 */
export function requiredLimits(
  kernels: readonly PlanKernel[],
  largestBytes: number,
  { maxComputeInvocationsPerWorkgroup: most, maxComputeWorkgroupStorageSize: sharedBytes }: TargetLimits,
): Readonly<Record<string, number>> {
  const needs = kernels.map(
    ({ wgsl }) => shaderNeeds(wgsl) ?? { invocations: most, size: [most, most, LEAST_DEPTH], sharedBytes },
  );
  const largest = (of: (n: (typeof needs)[number]) => number | undefined): number =>
    Math.max(0, ...needs.map((n) => of(n) ?? 1));
  return {
    maxStorageBuffersPerShaderStage: Math.max(0, ...kernels.map((k) => k.access.length)),
    maxStorageBufferBindingSize: largestBytes,
    maxBufferSize: largestBytes,
    maxComputeWorkgroupStorageSize: largest((n) => n.sharedBytes),
    maxComputeInvocationsPerWorkgroup: largest((n) => n.invocations),
    maxComputeWorkgroupSizeX: largest((n) => n.size[0]),
    maxComputeWorkgroupSizeY: largest((n) => n.size[1]),
    maxComputeWorkgroupSizeZ: largest((n) => n.size[2]),
  };
}
