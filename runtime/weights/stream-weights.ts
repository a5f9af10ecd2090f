// Weights from a source to buffers, on a GPU or not: in bounded chunks, the next ones read while the last one is uploaded, converted on
// the way where source and plan store them differently. All of it in memory that is used again: new memory has to be
// cleared by the system first, which takes longer than reading a file that is cached.

import { type DType, ITEM_SIZE } from "../../base/dtype.ts";
import type { PlanWeight } from "../../base/plan.ts";
import { fileError } from "../errors.ts";
import { CHUNK_BYTES, type Chunk, chunksOf, takeColumns } from "./chunks.ts";
import { isFloatDType, toF16Bits, toF32 } from "./convert.ts";
import type { StoredTensor, WeightSource } from "./source.ts";
import { sourceOf } from "./storage.ts";

/** How far loading is, in bytes, and at which weight. */
export interface LoadProgress {
  readonly bytes: number;
  readonly total: number;
  readonly weight: string;
}

/** What happens beside uploading. */
export interface UploadOptions {
  /** Hears of every chunk that was handed to the GPU. */
  readonly onProgress?: (progress: LoadProgress) => void;
  /** Looks at every value for NaN and infinities. */
  readonly checkFinite?: boolean;
}

/** A weight, and how many of its values are NaN or infinite. */
export interface NotFinite {
  readonly weight: string;
  readonly count: number;
}

/** What streaming needs of whatever the weights go to. */
export interface UploadTarget {
  write(buffer: string, data: Uint8Array<ArrayBuffer>, offset: number): void;
  /** Waits until everything written has left the host's memory. */
  finish(place: string): Promise<void>;
}

/** Reads that are under way or wait to be uploaded. Two threads read a cached file faster than one. */
const READS = 3;
/** Bytes handed to the GPU between two waits. While it works on one such window the next is filled. */
const WINDOW_BYTES = 16 * 1024 * 1024;

/** How much of so many bytes of weights is on its way to the GPU at most. */
export const uploadBytes = (weightBytes: number): number => Math.min(weightBytes, 2 * WINDOW_BYTES + CHUNK_BYTES);

/**
 * Reads all weights, converts them to how the plan stores them, and writes them to the target's buffers. `found` maps the names
 * of the checkpoint's tensors, as the plan has them, to names in the source. Returns the weights that hold values which are
 * not finite, when asked to look, or when f32 is stored as f16, whose largest number is 65504.
 */
export async function streamWeights(
  target: UploadTarget,
  weights: readonly PlanWeight[],
  source: WeightSource,
  found: ReadonlyMap<string, string>,
  options: UploadOptions = {},
): Promise<readonly NotFinite[]> {
  const chunks = weights.flatMap((weight) => chunksOf(weight, storedTensor(source, found, weight)));
  const total = chunks.reduce((n, c) => n + c.length, 0);
  const counts = new Map<string, number>();
  const toPlan = new Converter();
  const reads = readChunks(source, chunks);
  let [done, window, previous] = [0, 0, Promise.resolve()];
  for (const chunk of chunks) {
    const bytes = await reads.next();
    const data = toPlan.convert(bytes, chunk);
    if (options.checkFinite || narrows(chunk)) {
      const bad = countNotFinite(data, chunk.weight.dtype);
      counts.set(chunk.weight.name, (counts.get(chunk.weight.name) ?? 0) + bad);
    }
    target.write(chunk.weight.buffer, data, chunk.target * (chunk.weight.dtype === "f16" ? 2 : 4));
    reads.release();
    done += bytes.byteLength;
    window += data.byteLength;
    if (window >= WINDOW_BYTES) {
      await previous;
      previous = target.finish(`loading ${source.place}`);
      previous.catch(() => undefined);
      window = 0;
    }
    options.onProgress?.({ bytes: done, total, weight: chunk.weight.name });
  }
  await previous;
  await target.finish(`loading ${source.place}`);
  return [...counts].filter(([, count]) => count > 0).map(([weight, count]) => ({ weight, count }));
}

/** Reads the chunks in order and ahead. What `next` gives holds until `release`. */
function readChunks(source: WeightSource, chunks: readonly Chunk[]) {
  const size = Math.max(0, ...chunks.map((c) => c.length));
  const memories = Array.from({ length: Math.min(READS, chunks.length) }, () => new Uint8Array(size));
  const waiting: Promise<Uint8Array<ArrayBuffer>>[] = [];
  let begun = 0;
  const begin = () => {
    const chunk = chunks[begun];
    if (!chunk) return;
    const bytes = source.read(chunk.stored.name, chunk.offset, chunk.length, memories[begun % READS]);
    begun++;
    // A failed read is reported where it is awaited; until then it must not count as unhandled.
    bytes.catch(() => undefined);
    waiting.push(bytes);
  };
  for (const _ of memories) begin();
  return {
    next: async () => (await waiting.shift()) ?? new Uint8Array(),
    release: begin,
  };
}

function storedTensor(source: WeightSource, found: ReadonlyMap<string, string>, weight: PlanWeight): StoredTensor {
  const stored = source.tensors.get(found.get(sourceOf(weight).name) ?? "");
  if (!stored) throw fileError(source.place, `${weight.name} was not matched with any tensor`);
  return stored;
}

const floatDType = ({ stored, weight }: Chunk) => {
  if (isFloatDType(stored.dtype)) return stored.dtype;
  throw fileError(weight.name, `is stored as ${stored.dtype}, which is no float`);
};

/** The chunk's values lose precision, and perhaps their range. */
const narrows = ({ stored, weight }: Chunk): boolean => weight.dtype === "f16" && stored.dtype !== "F16";

/** Bytes as the plan stores them, padded to four. A result holds until the next call. */
class Converter {
  #wide = new ArrayBuffer(0);
  #narrow = new ArrayBuffer(0);

  convert(bytes: Uint8Array<ArrayBuffer>, chunk: Chunk): Uint8Array<ArrayBuffer> {
    const { stored, weight } = chunk;
    const kept = chunk.columns ? takeColumns(bytes, chunk.columns, ITEM_SIZE[stored.dtype]) : bytes;
    const same = stored.dtype.toLowerCase() === weight.dtype;
    if (same && kept.byteLength % 4 === 0) return kept;
    const elements = kept.byteLength / ITEM_SIZE[stored.dtype];
    if (stored.dtype !== "F32" && this.#wide.byteLength < 4 * elements) this.#wide = new ArrayBuffer(4 * elements);
    const values = toF32(kept, floatDType(chunk), this.#wide);
    if (weight.dtype !== "f16") return asBytes(values);
    // Halves lie in pairs, so that the last one may need company.
    const even = elements + (elements % 2);
    if (this.#narrow.byteLength < 2 * even) this.#narrow = new ArrayBuffer(2 * even);
    toF16Bits(values, new Uint16Array(this.#narrow, 0, elements));
    if (even > elements) new Uint16Array(this.#narrow)[elements] = 0;
    return new Uint8Array(this.#narrow, 0, 2 * even);
  }
}

const asBytes = (a: Float32Array<ArrayBuffer>): Uint8Array<ArrayBuffer> =>
  new Uint8Array(a.buffer, a.byteOffset, a.byteLength);

/** How many values have the exponent of infinities and NaN. Bits are looked at, for speed: halves by two. */
function countNotFinite(data: Uint8Array<ArrayBuffer>, dtype: DType): number {
  const { buffer, byteOffset, byteLength } = data.byteOffset % 4 === 0 ? data : data.slice();
  const words = new Uint32Array(buffer, byteOffset, byteLength / 4);
  return dtype === "f16" ? countHalves(words) : countWords(words);
}

function countWords(words: Uint32Array): number {
  let count = 0;
  for (let i = 0; i < words.length; i++) if (((words[i] ?? 0) & 0x7f800000) === 0x7f800000) count++;
  return count;
}

function countHalves(words: Uint32Array): number {
  let count = 0;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? 0;
    if ((word & 0x7c00) === 0x7c00) count++;
    if ((word & 0x7c000000) === 0x7c000000) count++;
  }
  return count;
}
