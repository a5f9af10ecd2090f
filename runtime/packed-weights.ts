// Weights that were packed into a bundle: already in the dtypes and parts of its plan, in shards of the safetensors format.
import type { BundleShard, BundleWeights } from "../base/bundle.ts";
import type { BundleFiles } from "./bundle.ts";
import { fileError } from "./errors.ts";
import { locateShards } from "./weights/shards.ts";
import type { WeightSource } from "./weights/source.ts";

const DAMAGED = "copy the bundle again, or pack it again with --pack-weights";

/**
 * The weights in a bundle's shards. With `verify`, every shard is read once in full first and compared with its hash.
 * @throws RuntimeError for a bundle without packed weights, a shard that is missing, of another size or, with `verify`, of
 * other bytes.
 */
export async function openPackedWeights(
  files: BundleFiles,
  { shards }: BundleWeights,
  verify = false,
): Promise<WeightSource> {
  if (!shards)
    throw fileError(
      files.place,
      "holds no weights, and none were given",
      "give a checkpoint's folder, or compile with --pack-weights",
    );
  if (verify) for (const shard of shards) await verifyShard(files, shard);
  return locateShards(files, shards);
}

async function verifyShard(files: BundleFiles, { file, bytes, sha256 }: BundleShard): Promise<void> {
  const digest = await crypto.subtle.digest("SHA-256", await files.bytes(file, 0, bytes));
  const found = Array.from(new Uint8Array(digest), (b) => b.toString(16).padStart(2, "0")).join("");
  if (found !== sha256)
    throw fileError(`${files.place}/${file}`, `its SHA-256 is ${found}, but weights.json says ${sha256}`, DAMAGED);
}
