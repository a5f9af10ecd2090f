// Weights that were packed into a bundle: already in the dtypes and parts of its plan, in shards of the safetensors format.
import { type BundleShard, type BundleWeights, STRETCH_BYTES } from "../base/bundle.ts";
import { sha256 } from "../base/index.ts";
import type { BundleFiles } from "./bundle.ts";
import { bundleError, fileError } from "./errors.ts";
import { locateShards } from "./weights/shards.ts";
import type { WeightSource } from "./weights/source.ts";

const DAMAGED = "copy the bundle again, or pack it again with --pack-weights";

/**
 * The weights in a bundle's shards; none where its plan has none. With `verify`, what is read of them is what their hashes are of.
 * @throws RuntimeError for a bundle whose weights were not packed, a shard that is missing, of another size or of another number of
 * stretches than hashes; and with `verify`, when what is read is of other bytes.
 */
export async function openPackedWeights(
  files: BundleFiles,
  { tensors, shards = [] }: BundleWeights,
  verify = false,
): Promise<WeightSource> {
  if (shards.length === 0 && tensors.length > 0)
    throw fileError(
      files.place,
      "holds no weights, and none were given",
      "give `load` a checkpoint's folder or file of weights, or compile again with --pack-weights, or a file of graphs with --weights FILE",
    );
  for (const shard of shards) checkStretches(files.place, shard);
  return locateShards(verify ? verified(files, shards) : files, shards);
}

/**
 * Reads every byte of the shards, and compares it with their hashes.
 * @throws RuntimeError for the first stretch that is of other bytes.
 */
export async function verifyShards(files: BundleFiles, shards: readonly BundleShard[]): Promise<void> {
  for (const shard of shards) {
    checkStretches(files.place, shard);
    for (let i = 0; i < shard.sha256.length; i++) await readStretch(files, shard, i);
  }
}

function checkStretches(place: string, { file, bytes, sha256: hashes }: BundleShard): void {
  const stretches = Math.ceil(bytes / STRETCH_BYTES);
  if (stretches !== hashes.length)
    throw bundleError(
      `${place}/weights.json ${file}`,
      `its ${bytes} bytes are ${stretches} stretches of ${STRETCH_BYTES}, but it has ${hashes.length} hashes`,
      "pack it again with --pack-weights",
    );
}

/** How many stretches are kept: a weight may begin in one and end in the next, while that is read. */
const KEPT = 2;

/**
 * The same files, of whose shards whole stretches are read, compared with their hashes, and given out from memory: what was hashed
 * is what is used. Weights are read in the order in which they lie, so that a stretch is read once.
 */
function verified(files: BundleFiles, shards: readonly BundleShard[]): BundleFiles {
  const byFile = new Map(shards.map((shard) => [shard.file, shard]));
  const kept = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();
  const stretch = (shard: BundleShard, i: number): Promise<Uint8Array<ArrayBuffer>> => {
    const key = `${i} ${shard.file}`;
    const known = kept.get(key) ?? readStretch(files, shard, i);
    // The one that was asked for last is let go last.
    kept.delete(key);
    kept.set(key, known);
    for (const other of kept.keys()) if (kept.size > KEPT) kept.delete(other);
    return known;
  };
  return {
    place: files.place,
    text: (file) => files.text(file),
    async bytes(file, offset, length) {
      const shard = byFile.get(file);
      if (!shard) return files.bytes(file, offset, length);
      if (offset + length > shard.bytes)
        throw fileError(`${files.place}/${file}`, `ends before byte ${offset + length}`, DAMAGED);
      const into = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const at = offset + done;
        const whole = await stretch(shard, Math.floor(at / STRETCH_BYTES));
        const part = whole.subarray(at % STRETCH_BYTES, (at % STRETCH_BYTES) + length - done);
        into.set(part, done);
        done += part.length;
      }
      return into;
    },
    async close() {
      kept.clear();
      await files.close();
    },
  };
}

async function readStretch(
  files: BundleFiles,
  { file, bytes, sha256: hashes }: BundleShard,
  i: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const start = i * STRETCH_BYTES;
  const stretch = await files.bytes(file, start, Math.min(STRETCH_BYTES, bytes - start));
  const found = await sha256(stretch);
  if (found === hashes[i]) return stretch;
  const where = hashes.length === 1 ? "" : ` of bytes ${start} to ${start + stretch.length}`;
  throw fileError(
    `${files.place}/${file}`,
    `its SHA-256${where} is ${found}, but weights.json says ${hashes[i]}`,
    DAMAGED,
  );
}
