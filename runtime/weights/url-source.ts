// A checkpoint over HTTP, for a browser: one safetensors file, or shards with an index, read in ranges.

import type { BundleFiles } from "../bundle.ts";
import { openBundleUrl, resolveAddress } from "../bundle-url.ts";
import { fileError } from "../errors.ts";
import type { Address } from "../host-types.ts";
import { locateShards, parseWeightMap, type ShardFile, WEIGHT_FILES } from "./shards.ts";
import type { WeightSource } from "./source.ts";

const SERVE_AS_IS = "serve the checkpoint's files as they are, with Content-Length";

/**
 * Opens the checkpoint at an address: of a `.safetensors` file, or of a folder that holds `model.safetensors` or an index.
 * @throws RuntimeError when there is none, or the server can't say how large it is.
 */
export async function openSafetensorsUrl(place: Address): Promise<WeightSource> {
  const address = resolveAddress(place).href;
  const isFile = address.endsWith(".safetensors");
  const end = isFile ? address.lastIndexOf("/") : address.replace(/\/$/, "").length;
  const files = await openBundleUrl(address.slice(0, end), SERVE_AS_IS);
  return locateShards(files, isFile ? [await shardAt(files, address.slice(end + 1))] : await shardsIn(files));
}

/** The single file where there is one, as in a folder on disk; else the index's shards. */
async function shardsIn(files: BundleFiles): Promise<readonly ShardFile[]> {
  const { single, index } = WEIGHT_FILES;
  if ((await head(files, single)).ok) return [await shardAt(files, single)];
  const map = parseWeightMap(`${files.place}/${index}`, await files.text(index));
  return Promise.all([...new Set(map.values())].sort().map((file) => shardAt(files, file)));
}

async function shardAt(files: BundleFiles, file: string): Promise<ShardFile> {
  const response = await head(files, file);
  const bytes = Number(response.headers.get("content-length") ?? Number.NaN);
  if (response.ok && Number.isInteger(bytes)) return { file, bytes };
  throw fileError(
    `${files.place}/${file}`,
    response.ok ? "the server does not say how long it is" : `the server answers ${response.status}`,
    SERVE_AS_IS,
  );
}

const head = ({ place }: BundleFiles, file: string): Promise<Response> =>
  fetch(`${place}/${file}`, { method: "HEAD" }).catch((error: unknown) => {
    throw fileError(`${place}/${file}`, `can't be fetched: ${error instanceof Error ? error.message : error}`);
  });
