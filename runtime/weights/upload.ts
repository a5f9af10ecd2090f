// Weights from a source to GPU buffers: in bounded chunks, the next one read while the last one is uploaded, converted on
// the way where source and plan store them differently.
import { RuntimeError } from "../errors.ts";
import type { PlanWeight } from "../plan.ts";
import { isFloatDType, toF16Bits, toF32 } from "./convert.ts";
import { ITEM_SIZE, type StoredTensor, type WeightSource } from "./source.ts";

export interface LoadProgress {
  readonly bytes: number;
  readonly total: number;
  readonly weight: string;
}

export interface UploadOptions {
  readonly onProgress?: (progress: LoadProgress) => void;
  /** Looks at every value for NaN and infinities. */
  readonly checkFinite?: boolean;
}

export interface NotFinite {
  readonly weight: string;
  readonly count: number;
}

/** What upload needs of an executor. */
export interface UploadTarget {
  write(buffer: string, data: Uint8Array<ArrayBuffer>, offset: number): void;
  /** Waits until everything written has left the host's memory. */
  finish(place: string): Promise<void>;
}

/** Bytes read at a time, and bytes handed to the GPU before waiting for it: together they bound the host's memory. */
const CHUNK_BYTES = 8 * 1024 * 1024;
const IN_FLIGHT_BYTES = 64 * 1024 * 1024;

/** How much of so many bytes of weights is on its way to the GPU at most. */
export const uploadBytes = (weightBytes: number): number => Math.min(weightBytes, IN_FLIGHT_BYTES + CHUNK_BYTES);

/** One read of the source and where its elements go. */
interface Chunk {
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

/**
 * Uploads all weights. `found` maps the names that the plan gives (or, for a part of a weight, the whole's name) to names in
 * the source. Returns the weights that hold values which are not finite, when asked to look.
 */
export async function uploadWeights(
  target: UploadTarget,
  weights: readonly PlanWeight[],
  source: WeightSource,
  found: ReadonlyMap<string, string>,
  options: UploadOptions = {},
): Promise<readonly NotFinite[]> {
  const chunks = weights.flatMap((weight) => chunksOf(weight, storedTensor(source, found, weight)));
  const total = chunks.reduce((n, c) => n + c.length, 0);
  const counts = new Map<string, number>();
  let [done, waiting] = [0, 0];
  const read = (chunk: Chunk | undefined) => {
    const bytes = chunk && source.read(chunk.stored.name, chunk.offset, chunk.length);
    // A failed read is reported where it is awaited; until then it must not count as unhandled.
    bytes?.catch(() => undefined);
    return bytes;
  };
  let next = read(chunks[0]);
  for (const [i, chunk] of chunks.entries()) {
    const bytes = await next;
    next = read(chunks[i + 1]);
    if (!bytes) break;
    const kept = chunk.columns ? takeColumns(bytes, chunk.columns, ITEM_SIZE[chunk.stored.dtype]) : bytes;
    if (options.checkFinite) {
      const bad = countNotFinite(toF32(kept, floatDType(chunk)));
      counts.set(chunk.weight.name, (counts.get(chunk.weight.name) ?? 0) + bad);
    }
    const data = convert(kept, chunk);
    target.write(chunk.weight.buffer, data, chunk.target * (chunk.weight.dtype === "f16" ? 2 : 4));
    done += bytes.byteLength;
    waiting += data.byteLength;
    if (waiting >= IN_FLIGHT_BYTES) {
      await target.finish(`loading ${source.place}`);
      waiting = 0;
    }
    options.onProgress?.({ bytes: done, total, weight: chunk.weight.name });
  }
  await target.finish(`loading ${source.place}`);
  return [...counts].filter(([, count]) => count > 0).map(([weight, count]) => ({ weight, count }));
}

/** The tensor that a plan's weight is, or is a part of, as the checkpoint calls it. */
export const sourceOf = ({
  name,
  shape,
  part,
}: PlanWeight): { readonly name: string; readonly shape: readonly number[] } =>
  part ? { name: part.whole, shape: part.shape } : { name, shape };

function storedTensor(source: WeightSource, found: ReadonlyMap<string, string>, weight: PlanWeight): StoredTensor {
  const stored = source.tensors.get(found.get(sourceOf(weight).name) ?? "");
  if (!stored) throw new RuntimeError(source.place, `${weight.name} was not matched with any tensor`);
  return stored;
}

const floatDType = ({ stored, weight }: Chunk) => {
  if (isFloatDType(stored.dtype)) return stored.dtype;
  throw new RuntimeError(weight.name, `is stored as ${stored.dtype}, which is no float`);
};

/** Chunks of whole rows, an even number of elements each, so that f16 data stays aligned to four bytes. */
function chunksOf(weight: PlanWeight, stored: StoredTensor): readonly Chunk[] {
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

function takeColumns(
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

/** The bytes as the plan stores them, padded to four. */
function convert(bytes: Uint8Array<ArrayBuffer>, chunk: Chunk): Uint8Array<ArrayBuffer> {
  const { stored, weight } = chunk;
  const same = (stored.dtype === "F16" && weight.dtype === "f16") || (stored.dtype === "F32" && weight.dtype === "f32");
  if (same && bytes.byteLength % 4 === 0) return bytes;
  if (weight.dtype !== "f16") return asBytes(toF32(bytes, floatDType(chunk)));
  const halves = same ? new Uint16Array(bytes.slice().buffer) : toF16Bits(toF32(bytes, floatDType(chunk)));
  if (halves.length % 2 === 0) return asBytes(halves);
  const padded = new Uint16Array(halves.length + 1);
  padded.set(halves);
  return asBytes(padded);
}

const asBytes = (a: Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>): Uint8Array<ArrayBuffer> =>
  new Uint8Array(a.buffer, a.byteOffset, a.byteLength);

function countNotFinite(values: Float32Array): number {
  let count = 0;
  for (const x of values) if (!Number.isFinite(x)) count++;
  return count;
}
