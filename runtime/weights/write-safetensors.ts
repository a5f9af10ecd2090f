// The header of a safetensors file, made: the other direction of safetensors.ts. Pure; write-safetensors-file.ts writes
// the file.

import { ITEM_SIZE, type StoredDType } from "../../base/dtype.ts";
import { fileError } from "../errors.ts";

/** A tensor that a file will hold. */
export interface TensorToWrite {
  readonly name: string;
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
}

/** Bytes of the tensor's data. */
export const dataBytes = ({ dtype, shape }: TensorToWrite): number => shape.reduce((n, d) => n * d, ITEM_SIZE[dtype]);

/**
 * Everything before the data of a file that holds `tensors` one after the other: the length field and the JSON, with
 * spaces behind it until the data is aligned to 8 bytes, as the format wants it.
 * @throws RuntimeError when two tensors share a name, or one has the metadata's.
 */
export function safetensorsHeader(
  place: string,
  tensors: readonly TensorToWrite[],
  metadata?: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const entries = new Map<string, unknown>(metadata ? [["__metadata__", metadata]] : []);
  let end = 0;
  for (const tensor of tensors) {
    const { name, dtype, shape } = tensor;
    if (entries.has(name) || name === "__metadata__")
      throw fileError(`${place} ${name}`, "is to be written under a name that is taken already");
    const begin = end;
    end += dataBytes(tensor);
    entries.set(name, { dtype, shape, data_offsets: [begin, end] });
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const length = Math.ceil(json.length / 8) * 8;
  const header = new Uint8Array(8 + length).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(json, 8);
  return header;
}
