// Weights made of a seed instead of read from a file: of the right shapes and sizes and of no use as a language model.
// Tests, benchmarks and `wgpt make-checkpoint` use them where the real checkpoint is large or absent.
//
// What a family's weights are before training, its `Initialisation` says. One thing differs: biases, which begin as zero there,
// are normal with 0.01 here, so that a kernel which forgets to add one is seen.

import type { Initialisation, InitialRule } from "../../base/checkpoint-names.ts";
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
 * The same tensors with the same bytes for the same seed and dtype, on any machine. Values depend on seed, name and element index
 * only; scales that go by the number of layers on that too, which is taken from the names. Without a family's `initialisation`,
 * gains are 1, matrices normal with 0.02 and the rest with 0.01.
 * @throws RuntimeError for a seed that is no whole number below 2^32, a name given twice, and a shape that is none.
 */
export function openRandomWeights(
  tensors: readonly RandomTensor[],
  seed: number,
  dtype: RandomDType,
  initialisation?: Initialisation,
): RandomSource {
  return new RandomSource(tensors, seed, dtype, initialisation);
}

/** Weights made of a seed; see `openRandomWeights`. */
export class RandomSource implements WeightSource {
  readonly place: string;
  readonly tensors: ReadonlyMap<string, MadeTensor>;

  constructor(
    tensors: readonly RandomTensor[],
    seed: number,
    dtype: RandomDType,
    { rules, layer }: Initialisation = { rules: [] },
  ) {
    this.place = `random weights of seed ${seed}`;
    if (!(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32))
      throw optionError("seed", `is ${seed}, but must be a whole number ≥ 0 and < 2^32`);
    const layers = countLayers(tensors, layer);
    const tables = new Map<number, Bits>();
    const tableOf = ({ std = 0, value, perLayers }: InitialRule): Bits => {
      if (value !== undefined) return bitsOf(Float32Array.of(value), dtype);
      const scale = perLayers ? std / Math.sqrt(2 * layers) : std;
      const table = tables.get(scale) ?? bitsOf(normalTable(scale), dtype);
      tables.set(scale, table);
      return table;
    };
    const made = new Map<string, MadeTensor>();
    for (const { name, shape } of tensors) {
      const place = `${this.place} ${name}`;
      if (made.has(name)) throw optionError(place, "is given twice, but names must be unique");
      const byteLength = shape.reduce((n, d) => n * d, ITEM_SIZE[dtype]);
      if (!shape.every((d) => Number.isInteger(d) && d >= 0) || !Number.isSafeInteger(byteLength))
        throw optionError(place, `has the shape ${printShape(shape)}, which no tensor has`);
      const table = tableOf(ruleOf(name, shape.length, rules));
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

/** What tensors are that no rule of a family's says anything of: gains are 1, others small. */
const USUAL: readonly InitialRule[] = [
  { name: "\\.weight$", value: 1 },
  { name: "", std: 0.01 },
];
/** Matrices and tables. */
const MATRIX: InitialRule = { name: "", std: 0.02 };

function ruleOf(name: string, rank: number, rules: readonly InitialRule[]): InitialRule {
  const fits = (rule: InitialRule): boolean => new RegExp(rule.name).test(name);
  return rules.find(fits) ?? (rank < 2 ? USUAL.find(fits) : undefined) ?? MATRIX;
}

/** One more than the largest number of a layer in the names. */
function countLayers(tensors: readonly RandomTensor[], layer: string | undefined): number {
  const pattern = new RegExp(layer ?? "(?:^|\\.)(\\d+)\\.");
  return tensors.reduce((layers, { name }) => Math.max(layers, Number(pattern.exec(name)?.[1] ?? 0) + 1), 1);
}
