// Checkpoints in shards whose index was made wrong, and now and then a shard too.
import { openCheckpoint } from "../../runtime/index.ts";
import { f32, inFolder, makeSafetensors } from "../support/make-safetensors.ts";
import { pick, type Random } from "./mutate.ts";
import { mutateJson } from "./mutate-text.ts";
import { mutateSafetensors } from "./reader-header.ts";

const SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"] as const;
const FILES = {
  [SHARDS[0]]: makeSafetensors({ a: f32([2, 3]), b: f32([4]) }),
  [SHARDS[1]]: makeSafetensors({ c: f32([1]) }),
};
export const INDEX_JSON = {
  metadata: { total_size: 44 },
  weight_map: { a: SHARDS[0], b: SHARDS[0], c: SHARDS[1] },
};

export const fuzzIndex = (random: Random): Promise<void> =>
  inFolder(
    {
      ...FILES,
      "model.safetensors.index.json": mutateJson(INDEX_JSON, random),
      ...(random() < 0.2 && { [pick(random, SHARDS)]: mutateSafetensors(random) }),
    },
    async (folder) => {
      const source = await openCheckpoint(folder);
      try {
        for (const { name, byteLength } of source.tensors.values()) await source.read(name, 0, byteLength);
      } finally {
        await source.close();
      }
    },
  );
