// Tensors in files of the safetensors format, wherever those come from.
import type { BundleFiles } from "../bundle.ts";
import { RuntimeError } from "../errors.ts";
import { type LocatedTensor, parseSafetensorsHeader, safetensorsHeaderSize } from "./safetensors.ts";
import { tensorForRead, type WeightSource } from "./source.ts";

/** What a checkpoint's folder holds: one file, or an index of several. */
export const WEIGHT_FILES = { single: "model.safetensors", index: "model.safetensors.index.json" } as const;

/**
 * From tensor name to shard name, of an index's text.
 * @throws RuntimeError for a text that is no index.
 */
export function parseWeightMap(place: string, text: string): ReadonlyMap<string, string> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new RuntimeError(place, `must be JSON, but cannot be read: ${why}`, "download it again");
  }
  const map = json !== null && typeof json === "object" && "weight_map" in json ? json.weight_map : undefined;
  const entries = map !== null && typeof map === "object" && !Array.isArray(map) ? Object.entries(map) : undefined;
  if (!entries?.every((e): e is [string, string] => typeof e[1] === "string"))
    throw new RuntimeError(
      place,
      "must hold a weight_map from tensor name to shard, but does not",
      "download it again",
    );
  return new Map(entries);
}

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
