// The spaces of the kernels that keep a block of a matrix product in registers: how many rows and columns, and by how many invocations.
// The block goes through workgroup memory once, so that has to hold it.
import { combinations, laneChoices, suited } from "../space.ts";
import type { Target } from "../target.ts";

const rowChoices = (target: Target): readonly number[] => suited(target, { software: 16, gpu: 8, others: [4, 8, 16] });

/** Blocks of rows × vectors of four columns. */
export const blockSpace = (target: Target): readonly { blockRows: number; vectors: number; lanes: number }[] =>
  combinations({ blockRows: rowChoices(target), vectors: [2, 1, 4], lanes: laneChoices(target) }).filter(
    ({ blockRows, vectors, lanes }) => 16 * blockRows * vectors * lanes <= target.limits.maxComputeWorkgroupStorageSize,
  );

/** The same with one vector, in workgroups of whole quads. */
export const quadSpace = (target: Target): readonly { blockRows: number; lanes: number }[] =>
  combinations({ blockRows: rowChoices(target), lanes: laneChoices(target) }).filter(
    ({ blockRows, lanes }) => 16 * blockRows * lanes <= target.limits.maxComputeWorkgroupStorageSize,
  );

/** Blocks of rows × columns, for a right operand that lies transposed. */
export const transposedBlockSpace = (
  target: Target,
): readonly { blockRows: number; columns: number; lanes: number }[] =>
  combinations({ blockRows: [4, 8], columns: [4, 2], lanes: laneChoices(target) }).filter(
    ({ blockRows, columns, lanes }) => 4 * blockRows * columns * lanes <= target.limits.maxComputeWorkgroupStorageSize,
  );
