// Whether a bundle's packed weights are a checkpoint's: converted as they are for packing, and compared byte by byte.

import type { BundleWeights, WeightSource } from "../runtime/index.ts";
import { matchWeights } from "../runtime/weights/match.ts";
import { sourcesOf } from "../runtime/weights/storage.ts";
import { streamWeights } from "../runtime/weights/stream-weights.ts";

/** The first weight that differs; undefined where all are equal. */
export async function differingWeight(
  { tensors: weights, names: family }: BundleWeights,
  packed: WeightSource,
  checkpoint: WeightSource,
): Promise<string | undefined> {
  const { found } = matchWeights(sourcesOf(weights), checkpoint, family);
  const names = new Map(weights.map((w) => [w.buffer, w.name]));
  let differing: string | undefined;
  let comparing = Promise.resolve();
  const target = {
    write(buffer: string, data: Uint8Array<ArrayBuffer>, offset: number): void {
      const name = names.get(buffer) ?? buffer;
      const size = packed.tensors.get(name)?.byteLength ?? 0;
      // An odd number of halves is padded for the GPU; and the memory is used again after this call.
      const bytes = data.slice(0, size - offset);
      comparing = comparing.then(async () => {
        const kept = Buffer.from(await packed.read(name, offset, bytes.length));
        if (!kept.equals(bytes)) differing ??= name;
      });
      // `finish` awaits this promise; until then its rejection must not count as unhandled.
      comparing.catch(() => undefined);
    },
    finish: () => comparing,
  };
  await streamWeights(target, weights, checkpoint, found);
  return differing;
}
