// The space of the kernels that stream a matrix past a few rows: how a workgroup cuts it, and how many loads are on their way.
import type { Region } from "../region.ts";
import { combinations, isWholeGroup, suited } from "../space.ts";
import type { Target } from "../target.ts";
import { longVector } from "./matmul-vectors.ts";

/** How a few rows are multiplied with a matrix. */
export interface StreamConfig {
  /** Vectors of neighbouring columns that an invocation keeps. */
  readonly vectors: number;
  /** Invocations side by side over the columns, and those that share columns. */
  readonly lanes: number;
  readonly split: number;
  /** Rows of the matrix that an invocation loads before it needs the first. */
  readonly ahead: number;
  readonly [name: string]: number;
}

/** Values that an invocation keeps at a time at most: what goes beyond lies in memory, or leaves room for few others. */
const MOST_KEPT = 160;

/**
 * Every cut that fills whole subgroups, keeps its values in registers, and its sums in workgroup memory beside the `otherBytes` that a
 * workgroup of so many invocations takes.
 */
export function streamSpace(
  region: Region,
  rows: number,
  target: Target,
  otherBytes: (invocations: number) => number = () => 0,
): readonly StreamConfig[] {
  const { size } = longVector(region);
  const { software } = target.machine;
  return combinations({
    // On a GPU more loads go to other rows: neighbours' columns then still lie side by side.
    vectors: suited(target, { software: 4, gpu: 1, others: software ? [2, 1] : [] }),
    lanes: suited(target, { software: 8, gpu: 8, others: software ? [16, 32] : [4, 16] }),
    split: suited(target, { software: 1, gpu: 32, others: software ? [2, 4, 8] : [8, 16, 64, 128] }),
    ahead: suited(target, { software: 1, gpu: 8, others: software ? [] : [4] }),
  }).filter(
    ({ vectors, lanes, split, ahead }) =>
      isWholeGroup(lanes * split, target) &&
      rows * vectors * size + ahead * (vectors * size + rows) <= MOST_KEPT &&
      sumsBytes(rows * vectors * size, lanes, split) + otherBytes(lanes * split) <=
        target.limits.maxComputeWorkgroupStorageSize,
  );
}

/** Workgroup memory for the sums of so many elements an invocation: all of them, and those of a few folds. */
const sumsBytes = (elements: number, lanes: number, split: number): number =>
  4 * elements * lanes * (split + foldsOf(split));

/** Of what other kernels compute as well: in software nothing is gained by loads that are on their way, and what is unrolled is slower. */
export const refusesSoftware = ({ machine, name }: Target): string | undefined =>
  machine.software ? `${name} is software, where one load comes after another` : undefined;

/** Into how many sums those of invocations that share columns are folded first; 0 where all are added up at once. */
export function foldsOf(split: number): number {
  return split <= 8 ? 0 : 2 ** Math.round(Math.log2(split) / 2);
}
