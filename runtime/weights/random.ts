// Weights made of a seed instead of read from a file: of the right shapes and sizes and of no use as a language model.
// Tests, benchmarks and `wgpt make-checkpoint` use them where the real checkpoint is large or absent.
//
// The distributions are GPT-2's before training (OpenAI's model.py, and Hugging Face's `_init_weights`): normal with
// standard deviation 0.02, and 0.01 for `wpe`; the matrices that write to the residual stream, `c_proj`, divided by
// √(2 · layers); layer-norm gains 1. One thing differs: biases, which begin as zero there, are normal with 0.01 here,
// so that a kernel which forgets to add one is seen.

import { ITEM_SIZE } from "../../base/dtype.ts";
import { optionError } from "../errors.ts";
import {
  type Bits,
  bitsOf,
  fillRandom,
  normalTable,
  type RandomDType,
  type StreamKey,
  streamKey,
} from "./random-values.ts";
import { printShape, readMemory, type StoredTensor, tensorForRead, type WeightSource } from "./source.ts";

const WEIGHT_STD = 0.02;
const POSITION_STD = 0.01;
const BIAS_STD = 0.01;

/** A tensor to be made up. */
export interface RandomTensor {
  readonly name: string;
  readonly shape: readonly number[];
}

interface MadeTensor extends StoredTensor {
  readonly key: StreamKey;
  /** Its values by 16 random bits; of one entry where all values are equal. */
  readonly table: Bits;
}

/**
 * The same tensors with the same bytes for the same seed and dtype, on any machine. Values depend on seed, name and
 * element index only; the scale of `c_proj` also on the number of layers, which is taken from the names `h.N.…`.
 * @throws RuntimeError for a seed that is no whole number below 2^32, a name given twice, and a shape that is none.
 */
export function openRandomWeights(tensors: readonly RandomTensor[], seed: number, dtype: RandomDType): RandomSource {
  return new RandomSource(tensors, seed, dtype);
}

/** Weights made of a seed; see `openRandomWeights`. */
export class RandomSource implements WeightSource {
  readonly place: string;
  readonly tensors: ReadonlyMap<string, MadeTensor>;

  constructor(tensors: readonly RandomTensor[], seed: number, dtype: RandomDType) {
    this.place = `random weights of seed ${seed}`;
    if (!(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32))
      throw optionError("seed", `is ${seed}, but must be a whole number ≥ 0 and < 2^32`);
    const layers = countLayers(tensors);
    const tables = new Map<number, Bits>();
    const tableOf = (std: number): Bits => {
      const table = tables.get(std) ?? bitsOf(std === 0 ? Float32Array.of(1) : normalTable(std), dtype);
      tables.set(std, table);
      return table;
    };
    const made = new Map<string, MadeTensor>();
    for (const { name, shape } of tensors) {
      const place = `${this.place} ${name}`;
      if (made.has(name)) throw optionError(place, "is given twice, but names must be unique");
      const byteLength = shape.reduce((n, d) => n * d, ITEM_SIZE[dtype]);
      if (!shape.every((d) => Number.isInteger(d) && d >= 0) || !Number.isSafeInteger(byteLength))
        throw optionError(place, `has the shape ${printShape(shape)}, which no tensor has`);
      const table = tableOf(standardDeviation(name, shape.length, layers));
      made.set(name, { name, dtype, shape, byteLength, key: streamKey(seed, name), table });
    }
    this.tensors = made;
  }

  async read(
    name: string,
    byteOffset: number,
    byteLength: number,
    into?: Uint8Array<ArrayBuffer>,
  ): Promise<Uint8Array<ArrayBuffer>> {
    // Checked first: a wrong length should not be allocated.
    tensorForRead(this.place, this.tensors, name, byteOffset, byteLength);
    const bytes = readMemory(byteLength, into);
    this.fill(name, byteOffset, bytes);
    return bytes;
  }

  /** `read` into the caller's memory, at once: what a writer of gigabytes wants. */
  fill(name: string, byteOffset: number, target: Uint8Array<ArrayBuffer>): void {
    const { dtype, key, table } = tensorForRead(this.place, this.tensors, name, byteOffset, target.length);
    const size = ITEM_SIZE[dtype];
    const first = Math.floor(byteOffset / size);
    const end = Math.ceil((byteOffset + target.length) / size);
    const aligned = target.byteOffset % size === 0 && (end - first) * size === target.length;
    // A range that cuts elements in two is made of whole ones beside it.
    const bytes = aligned ? target : new Uint8Array((end - first) * size);
    const elements =
      size === 4
        ? new Uint32Array(bytes.buffer, bytes.byteOffset, end - first)
        : new Uint16Array(bytes.buffer, bytes.byteOffset, end - first);
    if (table.length === 1) elements.fill(table[0] ?? 0);
    else fillRandom(elements, first, table, key);
    if (!aligned) target.set(bytes.subarray(byteOffset - first * size, byteOffset - first * size + target.length));
  }

  async close(): Promise<void> {}
}

/** One more than the largest N in the names `h.N.…`. */
function countLayers(tensors: readonly RandomTensor[]): number {
  let layers = 1;
  for (const { name } of tensors) layers = Math.max(layers, Number(/(?:^|\.)h\.(\d+)\./.exec(name)?.[1] ?? 0) + 1);
  return layers;
}

/** 0 stands for the gain of a layer norm, whose values are all 1. */
function standardDeviation(name: string, rank: number, layers: number): number {
  if (rank < 2) return name.endsWith(".weight") ? 0 : BIAS_STD;
  if (/(^|\.)wpe\.weight$/.test(name)) return POSITION_STD;
  return name.endsWith(".c_proj.weight") ? WEIGHT_STD / Math.sqrt(2 * layers) : WEIGHT_STD;
}
