// Weights as a bundle's plan stores them, in shards beside it: converted on the way exactly as they would be on the way to
// the GPU, and hashed.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type CheckpointNames, STRETCH_BYTES, sha256 } from "../base/index.ts";
import { fileError } from "../runtime/errors.ts";
import type { BundleShard, NotFinite, PlanWeight, WeightSource } from "../runtime/index.ts";
import { openRegular } from "../runtime/open-regular.ts";
import { matchWeights, refuseOtherHead } from "../runtime/weights/match.ts";
import { sourcesOf } from "../runtime/weights/storage.ts";
import { streamWeights } from "../runtime/weights/stream-weights.ts";
import { dataBytes, type TensorToWrite } from "../runtime/weights/write-safetensors.ts";
import { createSafetensors } from "../runtime/weights/write-safetensors-file.ts";

/** A shard ends with the tensor that reaches this: small enough to be fetched, hashed and kept in memory as a whole. */
const SHARD_BYTES = STRETCH_BYTES;

interface PackedWeight extends TensorToWrite {
  readonly weight: PlanWeight;
}

/** How to pack weights. */
export interface Packing {
  /** Hears how many bytes are written. */
  readonly onProgress?: ((bytes: number, total: number) => void) | undefined;
  /** How the checkpoint names what the weights are made of. */
  readonly names?: CheckpointNames | undefined;
}

/** Weights that are packed. */
export interface Packed {
  /** What weights.json says of the files. */
  readonly shards: readonly BundleShard[];
  /** Weights with values that are not finite, or that f16 has no number for. */
  readonly notFinite: readonly NotFinite[];
}

/** Writes the shards into `folder`/weights. */
export async function packWeights(
  folder: string,
  weights: readonly PlanWeight[],
  source: WeightSource,
  { onProgress, names }: Packing = {},
): Promise<Packed> {
  await mkdir(join(folder, "weights"), { recursive: true });
  const match = matchWeights(sourcesOf(weights), source, names);
  const { found } = match;
  await refuseOtherHead(match, source);
  const dealt = dealShards(weights);
  const total = dealt.flat().reduce((n, t) => n + dataBytes(t), 0);
  const shards: BundleShard[] = [];
  const notFinite: NotFinite[] = [];
  let done = 0;
  for (const [i, tensors] of dealt.entries()) {
    const number = (n: number) => String(n).padStart(5, "0");
    const file = `weights/${number(i + 1)}-of-${number(dealt.length)}.safetensors`;
    notFinite.push(...(await writeShard(join(folder, file), tensors, source, found)));
    done += tensors.reduce((n, t) => n + dataBytes(t), 0);
    onProgress?.(done, total);
    const path = join(folder, file);
    shards.push({ file, ...(await hashStretches(path)) });
  }
  return { shards, notFinite };
}

function dealShards(weights: readonly PlanWeight[]): readonly (readonly PackedWeight[])[] {
  const shards: PackedWeight[][] = [];
  let [current, bytes]: [PackedWeight[], number] = [[], 0];
  for (const weight of weights) {
    const tensor = {
      name: weight.name,
      dtype: weight.dtype === "f16" ? "F16" : "F32",
      shape: weight.shape,
      weight,
    } as const;
    if (current.length > 0 && bytes + dataBytes(tensor) > SHARD_BYTES) {
      shards.push(current);
      [current, bytes] = [[], 0];
    }
    current.push(tensor);
    bytes += dataBytes(tensor);
  }
  return [...shards, current];
}

async function writeShard(
  path: string,
  tensors: readonly PackedWeight[],
  source: WeightSource,
  found: ReadonlyMap<string, string>,
): Promise<readonly NotFinite[]> {
  const file = await createSafetensors(path, tensors);
  const sizes = new Map(tensors.map((t) => [t.weight.buffer, dataBytes(t)]));
  let writing = Promise.resolve();
  const target = {
    write(buffer: string, data: Uint8Array<ArrayBuffer>, offset: number): void {
      // An odd number of halves is padded for the GPU; and the memory is used again after this call.
      const bytes = data.slice(0, (sizes.get(buffer) ?? 0) - offset);
      writing = writing.then(() => file.write(bytes));
      // `finish` awaits this promise; until then its rejection must not count as unhandled.
      writing.catch(() => undefined);
    },
    finish: () => writing,
  };
  try {
    const notFinite = await streamWeights(
      target,
      tensors.map((t) => t.weight),
      source,
      found,
    );
    await writing;
    await file.finish();
    return notFinite;
  } catch (error) {
    await file.abandon();
    throw error;
  }
}

async function hashStretches(path: string): Promise<Omit<BundleShard, "file">> {
  const file = await openRegular(path);
  try {
    const { size } = await file.stat();
    const hashes: string[] = [];
    const stretch = new Uint8Array(Math.min(size, STRETCH_BYTES));
    for (let at = 0; at < size; at += STRETCH_BYTES) {
      const part = stretch.subarray(0, Math.min(STRETCH_BYTES, size - at));
      for (let done = 0; done < part.length; ) {
        const { bytesRead } = await file.read(part, done, part.length - done, at + done);
        if (bytesRead === 0)
          throw fileError(path, `ends before byte ${size}`, "something else writes to it: pack again");
        done += bytesRead;
      }
      hashes.push(await sha256(part));
    }
    return { bytes: size, sha256: hashes };
  } finally {
    await file.close();
  }
}
