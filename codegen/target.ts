// What the compiler may count on in an adapter. Plans are made for a target, not for the machine that makes them.

import type { AdapterReport } from "../base/adapter.ts";
import { adapterFamily, PLAIN_TARGET } from "../base/index.ts";
import { optionError } from "../ir/index.ts";

/** WebGPU's limits of the same names; sizes in bytes. */
export interface TargetLimits {
  readonly maxStorageBuffersPerShaderStage: number;
  readonly maxStorageBufferBindingSize: number;
  readonly maxBufferSize: number;
  readonly maxComputeWorkgroupStorageSize: number;
  readonly maxComputeInvocationsPerWorkgroup: number;
}

/** Workgroups on one axis of a dispatch, for every target. */
export const MAX_WORKGROUPS = 65535;

/** An adapter, or all of a kind, as far as the compiler counts on it. */
export interface Target {
  readonly name: string;
  readonly summary: string;
  readonly limits: TargetLimits;
  readonly features: readonly string[];
  readonly tuning: Tuning;
}

/** Sizes that suit the adapter; any value gives right results. */
export interface Tuning {
  /** Invocations of a workgroup where each works by itself. */
  readonly lanes: number;
  /** Invocations that share one row of a normalisation or reduction. */
  readonly rowLanes: number;
  /** Invocations of the one workgroup that works alone on a whole vocabulary. */
  readonly wideLanes: number;
  /** Rows that one invocation of a matrix product keeps, for some columns. */
  readonly blockRows: number;
  /** Reads halves as f16, where the adapter has it, and not as pairs in integers. */
  readonly nativeHalves: boolean;
  /** Vectors of columns, four or eight each, that one invocation of a matrix-vector product keeps. */
  readonly gemvVectors: number;
  /** Parts into which a workgroup cuts the inner axis of a matrix-vector product. */
  readonly gemvSplit: number;
  /** Invocations that share the rows of a transposed matrix. */
  readonly rowSplit: number;
}

/**
 * Features that kernels use where an adapter has them. Not the experiment with matrices that subgroups multiply: which of
 * them an adapter has, its report does not say.
 */
export const USED_FEATURES: readonly string[] = ["shader-f16", "subgroups", "timestamp-query"];

/** Every WebGPU device has these; a GPU hides memory latency behind many invocations. */
const WEBGPU: Target = {
  name: PLAIN_TARGET,
  summary: "the limits that every WebGPU device has",
  limits: {
    maxStorageBuffersPerShaderStage: 8,
    maxStorageBufferBindingSize: 134217728,
    maxBufferSize: 268435456,
    maxComputeWorkgroupStorageSize: 16384,
    maxComputeInvocationsPerWorkgroup: 256,
  },
  features: [],
  tuning: {
    lanes: 64,
    rowLanes: 64,
    wideLanes: 256,
    blockRows: 8,
    nativeHalves: true,
    gemvVectors: 1,
    gemvSplit: 8,
    rowSplit: 64,
  },
};

/**
 * A software rasteriser runs a workgroup's invocations eight at a time on one core: barriers cost, small groups win. It
 * unpacks halves from integers in 0.6 of the time in which it reads them as f16.
 */
const LAVAPIPE: Target = {
  ...WEBGPU,
  name: "dawn-lavapipe",
  summary: "Mesa's software Vulkan driver under Dawn",
  limits: {
    ...WEBGPU.limits,
    maxStorageBuffersPerShaderStage: 16,
    maxBufferSize: 4294967295,
    maxComputeWorkgroupStorageSize: 32768,
    maxComputeInvocationsPerWorkgroup: 1024,
  },
  features: USED_FEATURES,
  tuning: {
    lanes: 8,
    rowLanes: 8,
    wideLanes: 8,
    blockRows: 16,
    nativeHalves: false,
    gemvVectors: 4,
    gemvSplit: 1,
    rowSplit: 1,
  },
};

/** Every target, by name. */
export const TARGETS: Readonly<Record<string, Target>> = Object.fromEntries(
  [
    WEBGPU,
    LAVAPIPE,
    {
      ...WEBGPU,
      name: "dawn-swiftshader",
      summary: "Google's software Vulkan driver under Dawn",
      tuning: { ...LAVAPIPE.tuning },
    },
    {
      ...WEBGPU,
      name: "dawn-nvidia",
      summary: "an NVIDIA GPU under Dawn",
      limits: {
        ...WEBGPU.limits,
        maxStorageBuffersPerShaderStage: 16,
        maxStorageBufferBindingSize: 2147483644,
        maxBufferSize: 4294967295,
        maxComputeWorkgroupStorageSize: 49152,
        maxComputeInvocationsPerWorkgroup: 1024,
      },
      features: USED_FEATURES,
    },
  ].map((t) => [t.name, t]),
);

/**
 * A target by name.
 * @throws CompileError that names the ones there are.
 */
export function targetByName(name: string): Target {
  const target = TARGETS[name];
  if (!target)
    throw optionError("target", `there is no target ${name}`, `targets are ${Object.keys(TARGETS).join(", ")}`);
  return target;
}

/** The target for an adapter in hand: its own limits and features, whoever made it, and the tuning of its family. */
export function targetForAdapter(adapter: AdapterReport): Target {
  const family = targetByName(adapterFamily(adapter));
  const limits = Object.fromEntries(
    Object.entries(family.limits).map(([key, value]) => [key, adapter.limits[key] ?? value]),
  );
  return {
    ...family,
    ...(family === WEBGPU && { summary: "the adapter's own limits and features, and tuning that suits most GPUs" }),
    limits: { ...family.limits, ...limits },
    features: USED_FEATURES.filter((f) => adapter.features.includes(f)),
  };
}
