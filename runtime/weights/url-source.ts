// A checkpoint over HTTP, for a browser: one safetensors file, or shards with an index, read in ranges.
import { openBundleUrl } from "../bundle-url.ts";
import { RuntimeError } from "../errors.ts";
import { locateShards } from "./shards.ts";
import type { WeightSource } from "./source.ts";

const SINGLE = "model.safetensors";
const INDEX = "model.safetensors.index.json";

/**
 * Opens the checkpoint at an address: of a `.safetensors` file, or of a folder that holds `model.safetensors` or an index.
 * @throws RuntimeError when there is none, or the server can't say how large it is.
 */
export async function openSafetensorsUrl(place: URL | string): Promise<WeightSource> {
  const address = String(place);
  const at = address.endsWith(".safetensors") ? address.lastIndexOf("/") : address.replace(/\/$/, "").length;
  const files = await openBundleUrl(address.slice(0, at));
  const names = address.endsWith(".safetensors") ? [address.slice(at + 1)] : await shardNames(files.text);
  const shards = await Promise.all(
    names.map(async (file) => ({ file, bytes: await sizeOf(new URL(file, `${files.place}/`)) })),
  );
  return locateShards(files, shards);
}

async function shardNames(text: (file: string) => Promise<string>): Promise<readonly string[]> {
  const index = await text(INDEX).catch(() => undefined);
  if (index === undefined) return [SINGLE];
  const json = JSON.parse(index) as { readonly weight_map?: Readonly<Record<string, string>> };
  return [...new Set(Object.values(json.weight_map ?? {}))].sort();
}

async function sizeOf(address: URL): Promise<number> {
  const response = await fetch(address, { method: "HEAD" });
  const bytes = Number(response.headers.get("content-length") ?? Number.NaN);
  if (!response.ok || !Number.isInteger(bytes))
    throw new RuntimeError(
      address.href,
      `the server answers ${response.status} and gives no length`,
      "serve the file as it is, with Content-Length",
    );
  return bytes;
}
