// Checkpoints on disk, for Node: one safetensors file, or several with an index. Files stay open and are read in
// ranges, so opening a 6 GB checkpoint costs one header.

import { closeSync, fstatSync, readdirSync, readSync, read as readWithCallback, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { shortName } from "../../base/index.ts";
import { fileError, RuntimeError, reasonOf } from "../errors.ts";
import { parseJson } from "../json.ts";
import { openRegularSync } from "../open-regular.ts";
import { checkPath } from "../real-path.ts";
import { readRegularTextSync } from "../regular-file.ts";
import {
  type LocatedTensor,
  parseSafetensorsHeader,
  type SafetensorsHeader,
  safetensorsHeaderSize,
} from "./safetensors.ts";
import { findWeights, isIndex, otherWeights, parseWeightMap, WEIGHT_FILES } from "./shards.ts";
import { readMemory, tensorForRead, type WeightSource } from "./source.ts";

const { single: SINGLE, index: INDEX } = WEIGHT_FILES;

// Reads run on libuv's thread pool: the next range can come from the disk while the last one goes to the GPU.
const readAt = promisify(readWithCallback);

interface OpenFile {
  readonly path: string;
  readonly descriptor: number;
  readonly header: SafetensorsHeader;
}

interface FileTensor extends LocatedTensor {
  readonly file: OpenFile;
}

/**
 * Opens the checkpoint in a folder: `model.safetensors`, else the shards of `model.safetensors.index.json`, else the only
 * file or index of another name. Or a single `.safetensors` file, or an index, of any name.
 * @throws RuntimeError when there is none, or a file is missing, unreadable, or not what its header or index says.
 */
export async function openCheckpoint(path: string): Promise<WeightSource> {
  const found = listFolder(checkPath(path));
  if (!found && path.endsWith(".json") && !isIndex(basename(path)))
    throw fileError(path, "is no file of weights", "give its folder, or a .safetensors file in it");
  if (found) {
    const name = findWeights(found);
    if (name === undefined) throw notACheckpoint(path, found);
    return isIndex(name) ? openShards(path, name, found) : fileSource(path, [openFile(join(path, name))]);
  }
  const [folder, name] = [dirname(path), basename(path)];
  if (isIndex(name)) return openShards(folder, name, readdirSync(folder));
  if (FOREIGN.test(name))
    throw fileError(path, "is of another format, but weights are read from .safetensors files", convert(path));
  return fileSource(path, [openFile(path)]);
}

/** Formats of weights that are not read. */
const FOREIGN = /\.(bin|pt|pth|h5|msgpack|ot|gguf|onnx|npz)$|\.ckpt|^checkpoint$/;

const convert = (name: string): string =>
  /gguf$/.test(name)
    ? "download the model that it was made of, as .safetensors: a GGUF file holds quantised weights"
    : `convert ${name}; where transformers is installed this needs no network: python -c "from transformers import GPT2LMHeadModel as M; M.from_pretrained('FOLDER').save_pretrained('FOLDER')"`;

/** The names in the folder, or undefined when `path` is a file. */
function listFolder(path: string): string[] | undefined {
  try {
    return statSync(path).isDirectory() ? readdirSync(path).sort() : undefined;
  } catch (error) {
    throw fileError(
      path,
      `cannot be opened: ${messageOf(error)}`,
      "give the folder of a checkpoint, or its .safetensors file",
    );
  }
}

function notACheckpoint(folder: string, found: readonly string[]): RuntimeError {
  const foreign = found.find((name) => FOREIGN.test(name));
  const [other] = otherWeights(found);
  const shard = found.find((name) => name.endsWith(".safetensors") && !name.startsWith("adapter_"));
  const listed = found.length === 0 ? "nothing" : `${found.slice(0, 8).join(", ")}${found.length > 8 ? ", …" : ""}`;
  let hint = "download model.safetensors, config.json and the tokenizer's files into one folder";
  if (other !== undefined) hint = `give the file itself, such as ${join(folder, other)}`;
  else if (shard !== undefined) hint = `download ${INDEX} beside ${shard}: it says which shards there are`;
  else if (hasAdapter(found)) return adapterAlone(folder);
  else if (foreign !== undefined) hint = convert(foreign);
  return fileError(folder, `has no ${SINGLE} and no ${INDEX}, but ${listed}`, hint);
}

const ADAPTER = /^adapter_(config\.json|model\.(safetensors|bin))$/;

/** The refusal of a folder that holds what was trained on top of a model, and not the model. */
export function adapterAlone(folder: string): RuntimeError {
  let told: Readonly<Record<string, unknown>> = {};
  try {
    told = { ...(parseJson(readRegularTextSync(join(folder, "adapter_config.json"))) as object) };
  } catch {
    // Without it the files' names say enough.
  }
  const { peft_type: type, base_model_name_or_path: base } = told;
  const kind = typeof type === "string" && type !== "LORA" ? type : "LoRA";
  return fileError(
    folder,
    `holds a ${kind} adapter${typeof base === "string" ? ` of ${base}` : ""}, but no model`,
    "an adapter changes another model's weights: merge it into that, in peft with merge_and_unload() and save_pretrained(…)",
  );
}

/** Whether a folder of these files holds an adapter. */
export const hasAdapter = (names: readonly string[]): boolean => names.some((name) => ADAPTER.test(name));

function openShards(folder: string, index: string, found: readonly string[]): WeightSource {
  const indexPath = join(folder, index);
  const promised = readWeightMap(indexPath);
  const names = [...new Set(promised.values())].sort();
  for (const name of names) {
    if (!found.includes(name))
      throw fileError(
        indexPath,
        `promises ${names.length} shards, but ${name} is not in the folder`,
        `download ${name} into ${folder}`,
      );
  }
  const files: OpenFile[] = [];
  try {
    for (const name of names) files.push(openFile(join(folder, name)));
    return fileSource(folder, files, promised);
  } catch (error) {
    for (const file of files) closeSync(file.descriptor);
    throw error;
  }
}

function readWeightMap(path: string): ReadonlyMap<string, string> {
  let text: string;
  try {
    text = readRegularTextSync(path);
  } catch (error) {
    throw fileError(path, `cannot be read: ${messageOf(error)}`);
  }
  return parseWeightMap(path, text);
}

function openFile(path: string): OpenFile {
  let descriptor: number | undefined;
  try {
    descriptor = openRegularSync(path);
    const size = fstatSync(descriptor).size;
    const prefix = readStart(descriptor, Math.min(8, size));
    const header = readStart(descriptor, safetensorsHeaderSize(path, prefix, size));
    return { path, descriptor, header: parseSafetensorsHeader(path, header, size) };
  } catch (error) {
    if (descriptor !== undefined) closeSync(descriptor);
    if (error instanceof RuntimeError) throw error;
    throw fileError(path, `cannot be read: ${messageOf(error)}`);
  }
}

function readStart(descriptor: number, byteLength: number): Uint8Array {
  const bytes = new Uint8Array(byteLength);
  let done = 0;
  while (done < byteLength) {
    const count = readSync(descriptor, bytes, done, byteLength - done, done);
    if (count === 0) throw new Error(`it ended at byte ${done} while its header was read`);
    done += count;
  }
  return bytes;
}

/** The tensors of `files`; with `promised`, exactly those that the index lists, each from the shard it names. */
function fileSource(place: string, files: readonly OpenFile[], promised?: ReadonlyMap<string, string>): WeightSource {
  const tensors = new Map<string, FileTensor>();
  for (const file of files)
    for (const [name, tensor] of file.header.tensors)
      if (!promised || promised.get(name) === basename(file.path)) tensors.set(name, { ...tensor, file });
  for (const [name, shard] of promised ?? [])
    if (!tensors.has(name))
      throw fileError(
        join(place, shard),
        `the index promises ${shortName(name)} in this shard, but it holds no such tensor`,
        "index and shards come from different checkpoints: download them again together",
      );

  const aliases = new Map(files.flatMap(({ header }) => [...header.aliases]));
  let closed = false;
  // A descriptor that is closed under a read may be another file's by the time that it is read.
  const reading = new Set<Promise<unknown>>();
  return {
    place,
    tensors,
    aliases,
    async read(name, byteOffset, byteLength, into) {
      const { file, fileOffset } = tensorForRead(place, tensors, name, byteOffset, byteLength);
      const bytes = readMemory(byteLength, into);
      let done = 0;
      while (done < byteLength) {
        if (closed) throw fileError(`${place} ${shortName(name)}`, "read after the checkpoint was closed");
        const position = fileOffset + byteOffset + done;
        const read = readAt(file.descriptor, bytes, done, byteLength - done, position);
        reading.add(read);
        const { bytesRead } = await read
          .catch((error) => {
            const at = `${file.path} ${shortName(name)}`;
            throw fileError(at, `cannot be read at byte ${position}: ${messageOf(error)}`);
          })
          .finally(() => reading.delete(read));
        if (bytesRead === 0)
          throw fileError(
            `${file.path} ${shortName(name)}`,
            `should have data at byte ${position}, but the file now ends before it`,
            "the file was changed while it was open",
          );
        done += bytesRead;
      }
      return bytes;
    },
    async close() {
      if (closed) return;
      closed = true;
      await Promise.allSettled(reading);
      for (const file of files) closeSync(file.descriptor);
    },
  };
}

const messageOf = (error: unknown): string => (error instanceof Error ? reasonOf(error) : String(error));
