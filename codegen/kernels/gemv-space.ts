// The spaces of the kernels that multiply one row with a matrix: how many invocations stand side by side over its columns, how many
// share the same ones and split the inner axis, and how much of the matrix's width each keeps.
import type { Region } from "../region.ts";
import { combinations, isWholeGroup, suited } from "../space.ts";
import type { Target } from "../target.ts";
import { longVector } from "./matmul-vectors.ts";

/** Invocations side by side, and those that share columns, each with every so-manyth row of the matrix. */
const sides = (target: Target) => ({
  lanes: suited(target, { software: 8, gpu: 8, others: [8, 16, 32, 64] }),
  split: suited(target, { software: 1, gpu: 8, others: [1, 2, 4, 8, 16, 32] }),
});

/** Whether the sums of a workgroup, so many bytes of each invocation, go into workgroup memory. */
const fits = (bytes: number, invocations: number, target: Target): boolean =>
  isWholeGroup(invocations, target) && bytes * invocations <= target.limits.maxComputeWorkgroupStorageSize;

/** Bytes that are kept for the sums of a vector: as many as eight take, so that shorter ones have the same choices. */
const vectorBytes = (region: Region): number => 4 * Math.max(8, longVector(region).size);

/** For a matrix that lies as [inner, columns], whose neighbouring columns neighbours read: vectors that each keeps. */
export const vectorsSpace = (region: Region, target: Target) =>
  combinations({
    vectors: suited(target, { software: 4, gpu: 1, others: [1, 2, 4] }),
    ...sides(target),
  }).filter(({ vectors, lanes, split }) => fits(vectorBytes(region) * vectors, lanes * split, target));

/** The same, in single columns. */
export const columnsSpace = (target: Target) =>
  combinations({ columns: [4, 2, 1], ...sides(target) }).filter(({ columns, lanes, split }) =>
    fits(4 * columns, lanes * split, target),
  );

/** For one that lies as [columns, inner], and `few` rows of the left operand: those that share rows of the weight read neighbouring elements of them. */
export const rowsSpace = (target: Target, few = 1) =>
  combinations({
    // As many sums as there are rows on both sides: more do not stay in registers.
    rows: [8, 4, 2].filter((n) => n * few <= 32),
    lanes: suited(target, { software: 8, gpu: 1, others: [1, 2, 4, 8] }),
    split: suited(target, { software: 1, gpu: 64, others: [1, 8, 16, 32, 64] }),
  }).filter(({ rows, lanes, split }) => fits(4 * rows * few, lanes * split, target));
