// `wgpt make-checkpoint`: the command and its terminal. What is written is in checkpoint-files.ts, how in checkpoint-folder.ts.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Command, Option } from "commander";
import { ITEM_SIZE } from "../base/index.ts";
import { standard } from "../codegen/index.ts";
import {
  countBytes,
  dealShards,
  INDEX,
  listWeights,
  METADATA,
  modelFolder,
  presetNames,
  printConfig,
  printIndex,
  readModel,
} from "../engine/index.ts";
import {
  openRandomWeights,
  RANDOM_DTYPES,
  type RandomDType,
  type RandomSource,
  type TensorToWrite,
  writeSafetensors,
} from "../runtime/index.ts";
import { inspectFolder, writeInto } from "./checkpoint-folder.ts";
import { printWarning } from "./errors.ts";
import { loadToolkit, type PluginOptions, pluginOption } from "./plugins.ts";
import { progressBar } from "./progress-bar.ts";
import { printLines } from "./terminal.ts";
import { filePath, seed, wholeNumber } from "./usage.ts";

interface Options extends PluginOptions {
  readonly out: string;
  readonly seed: number;
  readonly dtype: Lowercase<RandomDType>;
  readonly shards: number;
  readonly force?: boolean;
}

export const makeCheckpointCommand = new Command("make-checkpoint")
  .summary("write a checkpoint with seeded random weights")
  .description(
    "Writes a checkpoint of MODEL's shape, with weights as its family has before training, for measuring and testing without the real one. The same seed gives the same numbers on any machine; f32 and f16 of one seed hold equal numbers. Biases, zero before training, are small random numbers.",
  )
  .argument("<model>", `a preset (${presetNames(standard)}) or a folder with config.json`, filePath)
  .requiredOption("--out <dir>", "the folder to write", filePath)
  .requiredOption("--seed <s>", "what the weights are made of", seed)
  .addOption(
    new Option("--dtype <dtype>", "how weights are stored")
      .choices(RANDOM_DTYPES.map((dtype) => dtype.toLowerCase()))
      .default("f32"),
  )
  .option("--shards <n>", "split the weights into n files with an index", wholeNumber, 1)
  .addOption(pluginOption())
  .option("--force", "replace a checkpoint that is in the folder")
  .action(run);

async function run(model: string, options: Options): Promise<void> {
  const bar = progressBar("writing", model);
  try {
    const { tensors, values, bytes, files } = await makeCheckpoint(model, options, bar?.update);
    bar?.stop();
    printLines(
      `${options.out}: ${tensors} tensors, ${values} values as ${options.dtype}, ${bytes} bytes in ${files === 1 ? "one file" : `${files} files`}, seed ${options.seed}\n`,
    );
  } finally {
    bar?.stop();
  }
}

export interface MadeCheckpoint {
  readonly tensors: number;
  readonly values: number;
  readonly bytes: number;
  readonly files: number;
}

/** The command without its terminal. */
export async function makeCheckpoint(
  model: string,
  { out, seed, dtype, shards, force = false, plugin }: Options,
  onProgress?: (bytes: number, total: number) => void,
): Promise<MadeCheckpoint> {
  const read = await readModel(model, await loadToolkit(plugin), printWarning);
  const { family, config } = read;
  const stored = RANDOM_DTYPES.find((d) => d.toLowerCase() === dtype) ?? "F32";
  const weights = listWeights(family, config, stored);
  const files = dealShards(weights, shards);
  const folder = await inspectFolder(out, await modelFolder(read), force);
  const source = openRandomWeights(weights, seed, stored, family.initialisation);
  const bytes = countBytes(weights);
  await writeInto(folder, bytes, async (made) => {
    let done = 0;
    const fill = chunkWriter(source, (length) => {
      done += length;
      onProgress?.(done, bytes);
    });
    for (const { name, tensors } of files)
      await writeSafetensors(join(made, name), tensors, fill, { metadata: METADATA });
    if (shards > 1) await writeFile(join(made, INDEX), printIndex(files));
    if (!folder.keepsConfig) await writeFile(join(made, "config.json"), printConfig(family, config, stored));
  });
  return { tensors: weights.length, values: bytes / ITEM_SIZE[stored], bytes, files: files.length };
}

const CHUNK = 4 * 1024 * 1024;

/** Fills tensors from the source by chunks. Two buffers take turns: while one is written, the next values are made. */
function chunkWriter(source: RandomSource, onChunk: (byteLength: number) => void) {
  const buffers = [new Uint8Array(CHUNK), new Uint8Array(CHUNK)] as const;
  let turn: 0 | 1 = 0;
  return async (tensor: TensorToWrite, write: (bytes: Uint8Array) => Promise<void>): Promise<void> => {
    const size = countBytes([tensor]);
    let pending: Promise<void> | undefined;
    for (let at = 0; at < size; at += CHUNK) {
      const chunk = buffers[turn].subarray(0, Math.min(CHUNK, size - at));
      source.fill(tensor.name, at, chunk);
      await pending;
      onChunk(chunk.length);
      pending = write(chunk);
      turn = turn === 0 ? 1 : 0;
    }
    await pending;
  };
}
