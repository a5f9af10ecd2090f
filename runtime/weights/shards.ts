// Tensors in files of the safetensors format, wherever those come from.
import type { BundleFiles } from "../bundle.ts";
import { type LocatedTensor, parseSafetensorsHeader, safetensorsHeaderSize } from "./safetensors.ts";
import { tensorForRead, type WeightSource } from "./source.ts";

export interface ShardFile {
  readonly file: string;
  /** Its whole size. */
  readonly bytes: number;
}

interface ShardTensor extends LocatedTensor {
  readonly file: string;
}

const LENGTH_BYTES = 8;

/** Reads the headers of `shards`; their tensors as one source, which closes `files`. */
export async function locateShards(files: BundleFiles, shards: readonly ShardFile[]): Promise<WeightSource> {
  const tensors = new Map<string, ShardTensor>();
  for (const shard of shards)
    for (const [name, tensor] of await readHeader(files, shard)) tensors.set(name, { ...tensor, file: shard.file });
  return {
    place: files.place,
    tensors,
    async read(name, byteOffset, byteLength) {
      const { file, fileOffset } = tensorForRead(files.place, tensors, name, byteOffset, byteLength);
      return files.bytes(file, fileOffset + byteOffset, byteLength);
    },
    close: () => files.close(),
  };
}

async function readHeader(files: BundleFiles, { file, bytes }: ShardFile): Promise<ReadonlyMap<string, LocatedTensor>> {
  const place = `${files.place}/${file}`;
  const prefix = await files.bytes(file, 0, Math.min(LENGTH_BYTES, bytes));
  const header = await files.bytes(file, 0, safetensorsHeaderSize(place, prefix, bytes));
  return parseSafetensorsHeader(place, header, bytes).tensors;
}
