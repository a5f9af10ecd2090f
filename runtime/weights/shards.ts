// Tensors in files of the safetensors format, wherever those come from.
import type { BundleFiles } from "../bundle.ts";
import { fileError } from "../errors.ts";
import { parseJson } from "../json.ts";
import { isRecord, quote } from "../json-values.ts";
import {
  type LocatedTensor,
  parseSafetensorsHeader,
  type SafetensorsHeader,
  safetensorsHeaderSize,
} from "./safetensors.ts";
import { tensorForRead, type WeightSource } from "./source.ts";

/** What a checkpoint's folder holds: one file, or an index of several. */
export const WEIGHT_FILES = { single: "model.safetensors", index: "model.safetensors.index.json" } as const;

/** A name that lies in the folder itself, on every system, and fits on a line. */
const isFileName = (name: string): boolean =>
  name !== "" && name !== "." && name !== ".." && name.length <= 255 && !/[/\\\p{Cc}\p{Cs}]/u.test(name);

/** Of a checkpoint; the largest models have two hundred. */
const MOST_SHARDS = 1000;

/**
 * From tensor name to shard name, of an index's text.
 * @throws RuntimeError for a text that is no index.
 */
export function parseWeightMap(place: string, text: string): ReadonlyMap<string, string> {
  let json: unknown;
  try {
    json = parseJson(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw fileError(place, `must be JSON, but cannot be read: ${why}`, "download it again");
  }
  const map = isRecord(json) ? json["weight_map"] : undefined;
  const entries = isRecord(map) ? Object.entries(map) : undefined;
  if (!entries?.every((e): e is [string, string] => typeof e[1] === "string"))
    throw fileError(place, "must hold a weight_map from tensor name to shard, but does not", "download it again");
  const shards = new Set(entries.map(([, shard]) => shard));
  if (shards.size > MOST_SHARDS)
    throw fileError(place, `names ${shards.size} shards, but at most ${MOST_SHARDS} are opened`, "download it again");
  for (const shard of shards)
    if (!isFileName(shard))
      throw fileError(place, `names the shard ${quote(shard)}, but a shard lies beside its index`, "download it again");
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

/**
 * The one of a folder's files that says where its weights are: `model.safetensors`, else its index; else, where there is no
 * choice, the only file or index of another name, such as `model.fp16.safetensors`.
 */
export function findWeights(names: readonly string[]): string | undefined {
  const usual = [WEIGHT_FILES.single, WEIGHT_FILES.index].find((name) => names.includes(name));
  const [other, ...more] = otherWeights(names);
  return usual ?? (more.length === 0 ? other : undefined);
}

/** Files of weights, and indices, of other names than the usual. No shards, and no adapters: they are no model. */
export const otherWeights = (names: readonly string[]): readonly string[] =>
  names.filter(
    (name) =>
      isIndex(name) ||
      (name.endsWith(".safetensors") && !/-\d+-of-\d+\.safetensors$/.test(name) && !/^adapter_/.test(name)),
  );

/** `model.safetensors.index.json`, and with a variant's name `model.safetensors.index.fp16.json`. */
export const isIndex = (name: string): boolean => /\.safetensors\.index(\.[\w-]+)?\.json$/.test(name);

const LENGTH_BYTES = 8;

/** Reads the headers of `shards`; their tensors as one source, which closes `files`. */
export async function locateShards(files: BundleFiles, shards: readonly ShardFile[]): Promise<WeightSource> {
  const tensors = new Map<string, ShardTensor>();
  const aliases = new Map<string, string>();
  for (const shard of shards) {
    const header = await readHeader(files, shard);
    for (const [name, tensor] of header.tensors) tensors.set(name, { ...tensor, file: shard.file });
    for (const [name, kept] of header.aliases) aliases.set(name, kept);
  }
  return {
    place: files.place,
    tensors,
    aliases,
    async read(name, byteOffset, byteLength) {
      const { file, fileOffset } = tensorForRead(files.place, tensors, name, byteOffset, byteLength);
      return files.bytes(file, fileOffset + byteOffset, byteLength);
    },
    close: () => files.close(),
  };
}

async function readHeader(files: BundleFiles, { file, bytes }: ShardFile): Promise<SafetensorsHeader> {
  const place = `${files.place}/${file}`;
  const prefix = await files.bytes(file, 0, Math.min(LENGTH_BYTES, bytes));
  const header = await files.bytes(file, 0, safetensorsHeaderSize(place, prefix, bytes));
  return parseSafetensorsHeader(place, header, bytes);
}
