// What the compiler may count on in an adapter. Plans are made for a target, not for the machine that makes them.

import type { AdapterReport } from "../base/adapter.ts";
import { nearestMachine, own, PLAIN_TARGET } from "../base/index.ts";
import { optionError } from "../ir/index.ts";
import type { Machine } from "./machine.ts";
import { MACHINES } from "./machines.ts";

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
  /** Its figures; of an adapter in hand, those of the described machine that is nearest. */
  readonly machine: Machine;
}

/**
 * Features that kernels use where an adapter has them. Not the experiment with matrices that subgroups multiply: which of
 * them an adapter has, its report does not say.
 */
export const USED_FEATURES: readonly string[] = ["shader-f16", "subgroups", "timestamp-query"];

/** Every WebGPU device has these (https://www.w3.org/TR/webgpu/#limits). */
const LEAST: TargetLimits = {
  maxStorageBuffersPerShaderStage: 8,
  maxStorageBufferBindingSize: 134217728,
  maxBufferSize: 268435456,
  maxComputeWorkgroupStorageSize: 16384,
  maxComputeInvocationsPerWorkgroup: 256,
};

/** As Dawn reports lavapipe (test/adapters/mesa-lavapipe.json). */
const LAVAPIPE_LIMITS: TargetLimits = {
  maxStorageBuffersPerShaderStage: 16,
  maxStorageBufferBindingSize: 134217728,
  maxBufferSize: 4294967295,
  maxComputeWorkgroupStorageSize: 32768,
  maxComputeInvocationsPerWorkgroup: 1024,
};

/** As Dawn reports an H200 (test/adapters/nvidia-h200.json), but for buffers' sizes, which are the smallest of its kind. */
const NVIDIA_LIMITS: TargetLimits = {
  maxStorageBuffersPerShaderStage: 16,
  maxStorageBufferBindingSize: 2147483644,
  maxBufferSize: 4294967295,
  maxComputeWorkgroupStorageSize: 49152,
  maxComputeInvocationsPerWorkgroup: 1024,
};

/** What browsers report on AMD's and Intel's GPUs: Dawn's tiers below what a driver gives (its src/dawn/native/Limits.cpp). */
const TIERED_LIMITS: TargetLimits = {
  maxStorageBuffersPerShaderStage: 10,
  maxStorageBufferBindingSize: 2147483644,
  maxBufferSize: 2147483648,
  maxComputeWorkgroupStorageSize: 32768,
  maxComputeInvocationsPerWorkgroup: 1024,
};

function describe(machine: Machine, limits: TargetLimits, features: readonly string[] = USED_FEATURES): Target {
  const { id, summary } = machine;
  return { name: id, summary, limits, features, machine };
}

/** A target for each described machine, by its id. */
export const TARGETS: Readonly<Record<string, Target>> = {
  [PLAIN_TARGET]: describe(MACHINES[PLAIN_TARGET], LEAST, []),
  lavapipe: describe(MACHINES.lavapipe, LAVAPIPE_LIMITS),
  swiftshader: describe(MACHINES.swiftshader, LEAST, []),
  "rtx-4060": describe(MACHINES["rtx-4060"], NVIDIA_LIMITS),
  a10: describe(MACHINES.a10, NVIDIA_LIMITS),
  h100: describe(MACHINES.h100, NVIDIA_LIMITS),
  "rx-7900-xtx": describe(MACHINES["rx-7900-xtx"], TIERED_LIMITS),
  mi200: describe(MACHINES.mi200, TIERED_LIMITS),
  // As browsers report an M2 (test/adapters/apple-m2.json), but for buffers' sizes, which follow the machine's memory.
  "apple-m2": describe(MACHINES["apple-m2"], TIERED_LIMITS),
  "intel-arc-a770": describe(MACHINES["intel-arc-a770"], TIERED_LIMITS),
};

/** What targets were called before they were machines; bundles of that time have these names. */
const OLDER_NAMES: Readonly<Record<string, string>> = {
  "dawn-lavapipe": "lavapipe",
  "dawn-swiftshader": "swiftshader",
  "dawn-nvidia": "rtx-4060",
};

/**
 * A target by the id of its machine, or by the name that it had before.
 * @throws CompileError that names the ones there are.
 */
export function targetByName(name: string): Target {
  const target = own(TARGETS, own(OLDER_NAMES, name) ?? name);
  if (!target)
    throw optionError("target", `there is no target ${name}`, `targets are ${Object.keys(TARGETS).join(", ")}`);
  return target;
}

/**
 * The target for an adapter in hand: its own limits and features, whoever made it, and the figures of the described machine
 * that is nearest, whose id is its name. A limit that the report does not tell is the least that WebGPU promises.
 */
export function targetForAdapter(adapter: AdapterReport): Target {
  const nearest = targetByName(nearestMachine(adapter));
  const limits = Object.fromEntries(Object.entries(LEAST).map(([key, value]) => [key, adapter.limits[key] ?? value]));
  return {
    ...nearest,
    summary: nearest.machine.software
      ? nearest.summary
      : `the adapter's own limits and features; figures as of ${nearest.name === PLAIN_TARGET ? "a modest GPU" : nearest.summary}`,
    limits: { ...LEAST, ...limits },
    features: USED_FEATURES.filter((f) => adapter.features.includes(f)),
  };
}
