// A kernel's space: the configurations that it may be lowered with.
import type { PlanConfig } from "../base/plan.ts";
import type { Target } from "./target.ts";

/** A kernel's choices for one region: whole numbers by name, such as the lanes of a workgroup. */
export type Config = PlanConfig;

/** Every combination of the axes' values, those of the last axis next to one another; the first has the first of each axis. */
export const combinations = <K extends string>(
  axes: Readonly<Record<K, readonly number[]>>,
): readonly Readonly<Record<K, number>>[] =>
  Object.entries<readonly number[]>(axes).reduce<readonly Record<K, number>[]>(
    (configs, [name, values]) => configs.flatMap((config) => values.map((value) => ({ ...config, [name]: value }))),
    [{} as Record<K, number>],
  );

/** The value for software or for GPUs first, then the others. */
export const suited = (
  { machine }: Target,
  { software, gpu, others }: { readonly software: number; readonly gpu: number; readonly others: readonly number[] },
): readonly number[] => {
  const first = machine.software ? software : gpu;
  return [first, ...others.filter((n) => n !== first)];
};

/** Sizes of workgroups that the target runs, in whole subgroups: the smallest first on software, else `gpu` invocations. */
export function laneChoices(target: Target, gpu = 64): readonly number[] {
  const { machine, limits } = target;
  const others = [8, 16, 32, 64, 128, 256];
  const most = limits.maxComputeInvocationsPerWorkgroup;
  return suited(target, { software: Math.max(8, machine.lanes), gpu: Math.min(gpu, most), others }).filter(
    (n) => n % machine.lanes === 0 && n <= most,
  );
}

/** `laneChoices` as configurations with nothing else. */
export const laneSpace = (target: Target, gpu?: number): readonly { readonly lanes: number }[] =>
  combinations({ lanes: laneChoices(target, gpu) });

/** Whether a workgroup of so many invocations runs on the target, with no lane of a subgroup idle. */
export const isWholeGroup = (invocations: number, { machine, limits }: Target): boolean =>
  invocations % machine.lanes === 0 && invocations <= limits.maxComputeInvocationsPerWorkgroup;
