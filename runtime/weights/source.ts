// Where weights come from, as the rest of the runtime sees it: named tensors whose bytes are read in ranges, so
// that host memory stays bounded however large the model is. Files are one source (file-source.ts); a URL or a
// generator can be another. Nothing here touches a disk.

import type { StoredDType } from "../../base/dtype.ts";
import { shortName } from "../../base/index.ts";
import { fileError } from "../errors.ts";

/** A tensor as a checkpoint holds it: row-major, little-endian, `byteLength` = product of `shape` × item size. */
export interface StoredTensor {
  readonly name: string;
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  readonly byteLength: number;
}

/** Where weights come from. Bytes are read in ranges so that host memory stays bounded. */
export interface WeightSource {
  /** What an error calls this source: a path, a URL. */
  readonly place: string;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Other names of tensors, to their names in `tensors`: of weights that are shared, a file keeps one. */
  readonly aliases?: ReadonlyMap<string, string>;
  /**
   * `byteLength` bytes of the tensor called `name`, from `byteOffset` within it. The result is the caller's own: the
   * beginning of `into`, where that is given, large enough, and of use to the source; else new memory.
   * @throws RuntimeError when there is no such tensor, the range leaves it, or the bytes cannot be read.
   */
  read(
    name: string,
    byteOffset: number,
    byteLength: number,
    into?: Uint8Array<ArrayBuffer>,
  ): Promise<Uint8Array<ArrayBuffer>>;
  /** Releases what the source holds open. Reading afterwards is an error; closing twice is not. */
  close(): Promise<void>;
}

/** Memory for the bytes that a `read` gives: the beginning of `into`, or new. */
export const readMemory = (byteLength: number, into?: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> =>
  into && into.length >= byteLength ? into.subarray(0, byteLength) : new Uint8Array(byteLength);

/** `[768, 3072]`, the form in which every message prints a shape. */
export const printShape = (shape: readonly number[]): string => `[${shape.join(", ")}]`;

/** The tensor called `name`, after checking that the range lies within it; what every `read` begins with. */
export function tensorForRead<T extends StoredTensor>(
  place: string,
  tensors: ReadonlyMap<string, T>,
  name: string,
  byteOffset: number,
  byteLength: number,
): T {
  const tensor = tensors.get(name);
  if (!tensor) throw fileError(place, `asked for ${shortName(name)}, but holds no tensor of that name`);
  const whole = Number.isSafeInteger(byteOffset) && Number.isSafeInteger(byteLength);
  if (!whole || byteOffset < 0 || byteLength < 0 || byteOffset + byteLength > tensor.byteLength)
    throw fileError(
      `${place} ${shortName(name)}`,
      `asked for ${byteLength} bytes from byte ${byteOffset}, but the tensor has ${tensor.byteLength} bytes`,
    );
  return tensor;
}
