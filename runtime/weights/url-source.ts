// A checkpoint over HTTP, for a browser: one safetensors file, or shards with an index, read in ranges.

import { openBundleUrl, resolveAddress, type UrlFiles } from "../bundle-url.ts";
import { PATIENCE, type Patience } from "../download.ts";
import { fileError } from "../errors.ts";
import type { Address } from "../host-types.ts";
import { locateShards, parseWeightMap, type ShardFile, WEIGHT_FILES } from "./shards.ts";
import type { WeightSource } from "./source.ts";

const SERVE_AS_IS = "serve the checkpoint's files as they are, with Content-Length";

/**
 * Opens the checkpoint at an address: of a `.safetensors` file, or of a folder that holds `model.safetensors` or an index.
 * @throws RuntimeError when there is none, the server can't say how large it is, or sends what is none.
 */
export async function openSafetensorsUrl(place: Address, patience: Patience = PATIENCE): Promise<WeightSource> {
  const address = resolveAddress(place).href;
  const isFile = address.endsWith(".safetensors");
  const end = isFile ? address.lastIndexOf("/") : address.replace(/\/$/, "").length;
  const files = await openBundleUrl(address.slice(0, end), SERVE_AS_IS, patience);
  return locateShards(files, isFile ? [await shardAt(files, nameIn(address, end + 1))] : await shardsIn(files));
}

/** The name of the file as it is, without what an address has in the place of some characters. */
function nameIn(address: string, start: number): string {
  try {
    return decodeURIComponent(address.slice(start));
  } catch {
    throw fileError(address, "is no address of a file", "write a % in a name as %25");
  }
}

/** The single file where there is one, as in a folder on disk; else the index's shards. */
async function shardsIn(files: UrlFiles): Promise<readonly ShardFile[]> {
  const { single, index } = WEIGHT_FILES;
  const { bytes } = await files.head(single);
  if (bytes !== undefined) return [{ file: single, bytes }];
  const place = `${files.place}/${index}`;
  const map = parseWeightMap(place, await files.text(index));
  const shards: ShardFile[] = [];
  for (const name of [...new Set(map.values())].sort()) shards.push(await shardAt(files, name));
  return shards;
}

async function shardAt(files: UrlFiles, file: string): Promise<ShardFile> {
  const { status, bytes } = await files.head(file);
  if (bytes !== undefined) return { file, bytes };
  throw fileError(`${files.place}/${file}`, `the server answers ${status}`, SERVE_AS_IS);
}
