// How a weight is cut into reads of bounded size, also where it is a part of a checkpoint's tensor.

import { ITEM_SIZE } from "../../base/dtype.ts";
import type { PlanWeight } from "../plan.ts";
import type { StoredTensor } from "./source.ts";

/**
 * Bytes of a read, but for tensors with longer rows that are taken apart: so few that they are still in the processor's
 * cache when they are handed on. With four times as many, loading took half as long again.
 */
export const CHUNK_BYTES = 1024 * 1024;

/** One read of the source and where its elements go. */
export interface Chunk {
  readonly weight: PlanWeight;
  readonly stored: StoredTensor;
  /** In bytes of the stored tensor. */
  readonly offset: number;
  readonly length: number;
  /** Columns of each row to keep, in elements; all when absent. */
  readonly columns?: { readonly width: number; readonly start: number; readonly count: number };
  /** In elements of the plan's weight. */
  readonly target: number;
}

/** Chunks of whole rows, an even number of elements each, so that f16 data stays aligned to four bytes. */
export function chunksOf(weight: PlanWeight, stored: StoredTensor): readonly Chunk[] {
  const item = ITEM_SIZE[stored.dtype];
  const { part } = weight;
  const alongRows = part?.axis === 1;
  const rows = alongRows ? (part.shape[0] ?? 1) : 1;
  const rowElements = alongRows ? (part.shape[1] ?? 1) : weight.shape.reduce((n, d) => n * d, 1);
  if (alongRows) {
    const count = weight.shape[1] ?? 1;
    const atOnce = Math.max(2, 2 * Math.floor(CHUNK_BYTES / (rowElements * item) / 2));
    return steps(rows, atOnce).map(({ start, size }) => ({
      weight,
      stored,
      offset: start * rowElements * item,
      length: size * rowElements * item,
      columns: { width: rowElements, start: part.start, count },
      target: start * count,
    }));
  }
  const first = part ? part.start * part.shape.slice(1).reduce((n, d) => n * d, 1) : 0;
  return steps(rowElements, CHUNK_BYTES / item).map(({ start, size }) => ({
    weight,
    stored,
    offset: (first + start) * item,
    length: size * item,
    target: start,
  }));
}

function steps(total: number, step: number): readonly { readonly start: number; readonly size: number }[] {
  return Array.from({ length: Math.ceil(total / step) }, (_, i) => ({
    start: i * step,
    size: Math.min(step, total - i * step),
  }));
}

export function takeColumns(
  bytes: Uint8Array<ArrayBuffer>,
  { width, start, count }: NonNullable<Chunk["columns"]>,
  item: number,
): Uint8Array<ArrayBuffer> {
  const rows = bytes.byteLength / (width * item);
  const kept = new Uint8Array(rows * count * item);
  for (let row = 0; row < rows; row++) {
    const from = (row * width + start) * item;
    kept.set(bytes.subarray(from, from + count * item), row * count * item);
  }
  return kept;
}
