// Weights from a source to buffers, on a GPU or not: in bounded chunks, the next ones read while the last one is uploaded. What
// is read when, reads.ts says; what becomes of it, assemble.ts.

import type { DType } from "../../base/dtype.ts";
import type { PlanWeight } from "../../base/plan.ts";
import { recipeTensors, recipeType } from "../../base/recipe.ts";
import { fileError } from "../errors.ts";
import { Assembler } from "./assemble.ts";
import { CHUNK_BYTES, type Read, readsOf } from "./reads.ts";
import type { WeightSource } from "./source.ts";

/** How far loading is, in bytes, and at which weight. */
export interface LoadProgress {
  readonly bytes: number;
  readonly total: number;
  readonly weight: string;
}

/** Callbacks while weights are uploaded. */
export interface UploadOptions {
  /** Hears of every chunk that was handed to the GPU. */
  readonly onProgress?: (progress: LoadProgress) => void;
  /** Looks at every value for NaN and infinities. */
  readonly checkFinite?: boolean;
}

/** A weight, and how many of its values are NaN or infinite. Of vectors that lie in one weight, it is the tensor of each. */
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
 * Reads all weights, carries out their recipes, and writes them to the target's buffers as the plan stores them. `found` maps the
 * names of the checkpoint's tensors, as the recipes have them, to names in the source. Returns the weights that hold values
 * which are not finite, when asked to look, or when f32 is stored as f16, whose largest number is 65504.
 *
 * Host memory is bounded, whatever the checkpoint's size: three reads of 1 MiB; and where a recipe changes the
 * order of elements, as a transpose does, one band of at most 32 MiB, for each of which the source is read once more.
 */
export async function streamWeights(
  target: UploadTarget,
  weights: readonly PlanWeight[],
  source: WeightSource,
  found: ReadonlyMap<string, string>,
  options: UploadOptions = {},
): Promise<readonly NotFinite[]> {
  const reads = (): Iterable<Read> => allReads(weights, source, found);
  let [total, size] = [0, 0];
  for (const { length } of reads()) {
    total += length;
    size = Math.max(size, length);
  }
  const counts = new Map<PlanWeight, FiniteCount>();
  const assembler = new Assembler();
  const ahead = readAhead(source, reads(), size);
  let [done, window, previous] = [0, 0, Promise.resolve()];
  for (let next = await ahead.next(); next; next = await ahead.next()) {
    const { read, bytes } = next;
    const { weight } = read.band;
    if ((options.checkFinite || narrows(read)) && !counts.has(weight)) counts.set(weight, new FiniteCount(weight));
    for (const { data, start } of assembler.take(bytes, read)) {
      counts.get(weight)?.add(data, start);
      target.write(weight.buffer, data, start * (weight.dtype === "f16" ? 2 : 4));
      // What was read lies elsewhere now, but for the stretch that it is itself.
      if (read.whole) ahead.release();
      window += data.byteLength;
      if (window < WINDOW_BYTES) continue;
      await previous;
      previous = target.finish(`loading ${source.place}`);
      previous.catch(() => undefined);
      window = 0;
    }
    if (!read.whole) ahead.release();
    done += bytes.byteLength;
    options.onProgress?.({ bytes: done, total, weight: weight.name });
  }
  await previous;
  await target.finish(`loading ${source.place}`);
  return allNotFinite([...counts.values()]);
}

/** Every part once: a vector may lie in several weights, and is the same in each. */
function allNotFinite(counts: readonly FiniteCount[]): readonly NotFinite[] {
  const most = new Map<string, number>();
  for (const { weight, count } of counts.flatMap((c) => c.notFinite))
    most.set(weight, Math.max(count, most.get(weight) ?? 0));
  return [...most].map(([weight, count]) => ({ weight, count }));
}

/** How many values of a weight are not finite, part by part. */
class FiniteCount {
  readonly #dtype: DType;
  /** Where each part ends, in elements, and how many there are. */
  readonly #parts: { readonly name: string; readonly end: number; count: number }[] = [];

  constructor({ name, dtype, shape, recipe }: PlanWeight) {
    this.#dtype = dtype;
    const vectors = shape.length === 1 && recipe?.kind === "concat" ? recipe.of : [];
    let end = 0;
    for (const vector of vectors) {
      end += recipeType(vector).shape[0] ?? 0;
      this.#parts.push({ name: recipeTensors(vector)[0]?.name ?? name, end, count: 0 });
    }
    if (vectors.length === 0) this.#parts.push({ name, end: Number.POSITIVE_INFINITY, count: 0 });
  }

  /** Counts what stands from element `start` on. */
  add(data: Uint8Array<ArrayBuffer>, start: number): void {
    const bytes = this.#dtype === "f16" ? 2 : 4;
    let [from, begin] = [0, start];
    for (const part of this.#parts) {
      const to = Math.min(data.byteLength, (part.end - start) * bytes);
      if (part.end <= begin || to <= from) continue;
      part.count += countNotFinite(data.subarray(from, to), this.#dtype);
      [from, begin] = [to, part.end];
    }
  }

  get notFinite(): readonly NotFinite[] {
    return this.#parts.filter((p) => p.count > 0).map(({ name, count }) => ({ weight: name, count }));
  }
}

function* allReads(
  weights: readonly PlanWeight[],
  source: WeightSource,
  found: ReadonlyMap<string, string>,
): Generator<Read> {
  for (const weight of weights)
    yield* readsOf(weight, (tensor) => {
      const stored = source.tensors.get(found.get(tensor) ?? "");
      if (stored) return stored;
      throw fileError(source.place, `${tensor}, which ${weight.name} is made of, was not matched with any tensor`);
    });
}

/** Reads in order and ahead. What `next` gives holds until `release`. `size` is the length of the longest. */
function readAhead(source: WeightSource, reads: Iterable<Read>, size: number) {
  const iterator = reads[Symbol.iterator]();
  const waiting: Promise<{ readonly read: Read; readonly bytes: Uint8Array<ArrayBuffer> }>[] = [];
  const memories: Uint8Array<ArrayBuffer>[] = [];
  let begun = 0;
  const begin = () => {
    const next = iterator.next();
    if (next.done) return;
    const read = next.value;
    memories[begun % READS] ??= new Uint8Array(size);
    const reading = source.read(read.stored.name, read.offset, read.length, memories[begun % READS]);
    begun++;
    const pair = reading.then((bytes) => ({ read, bytes }));
    // A failed read is reported where it is awaited; until then it must not count as unhandled.
    pair.catch(() => undefined);
    waiting.push(pair);
  };
  for (let i = 0; i < READS; i++) begin();
  return { next: async () => waiting.shift(), release: begin };
}

/** The read's values lose precision, and perhaps their range. */
const narrows = ({ stored, halves, band }: Read): boolean =>
  (halves || band.weight.dtype === "f16") && stored.dtype !== "F16";

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
