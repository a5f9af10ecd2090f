// Checkpoints on disk, for Node: one safetensors file, or several with an index. Files stay open and are read in
// ranges, so opening a 6 GB checkpoint costs one header.

import {
  closeSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  read as readWithCallback,
  statSync,
} from "node:fs";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { RuntimeError } from "../errors.ts";
import { type LocatedTensor, parseSafetensorsHeader, safetensorsHeaderSize } from "./safetensors.ts";
import { parseWeightMap, WEIGHT_FILES } from "./shards.ts";
import { readMemory, tensorForRead, type WeightSource } from "./source.ts";

const { single: SINGLE, index: INDEX } = WEIGHT_FILES;

// Reads run on libuv's thread pool: the next range can come from the disk while the last one goes to the GPU.
const readAt = promisify(readWithCallback);

interface OpenFile {
  readonly path: string;
  readonly descriptor: number;
  readonly tensors: ReadonlyMap<string, LocatedTensor>;
}

interface FileTensor extends LocatedTensor {
  readonly file: OpenFile;
}

/**
 * Opens the checkpoint in a folder (`model.safetensors`, else the shards of `model.safetensors.index.json`), or a
 * single `.safetensors` file of any name.
 * @throws RuntimeError when there is none, or a file is missing, unreadable, or not what its header or index says.
 */
export async function openCheckpoint(path: string): Promise<WeightSource> {
  const found = listFolder(path);
  if (!found) return fileSource(path, [openFile(path)]);
  if (found.includes(SINGLE)) return fileSource(path, [openFile(join(path, SINGLE))]);
  if (found.includes(INDEX)) return openShards(path, found);
  throw notACheckpoint(path, found);
}

/** The names in the folder, or undefined when `path` is a file. */
function listFolder(path: string): string[] | undefined {
  try {
    return statSync(path).isDirectory() ? readdirSync(path).sort() : undefined;
  } catch (error) {
    throw new RuntimeError(
      path,
      `cannot be opened: ${messageOf(error)}`,
      "give the folder of a checkpoint, or its .safetensors file",
    );
  }
}

function notACheckpoint(folder: string, found: readonly string[]): RuntimeError {
  const foreign = found.filter((name) => /\.(bin|pt|pth|h5|msgpack|ot|gguf|onnx|npz)$|\.ckpt|^checkpoint$/.test(name));
  const safetensors = found.find((name) => name.endsWith(".safetensors"));
  const listed = found.length === 0 ? "nothing" : `${found.slice(0, 8).join(", ")}${found.length > 8 ? ", …" : ""}`;
  let hint = "download model.safetensors, config.json and the tokenizer's files into one folder";
  if (safetensors !== undefined) hint = `give the file itself: ${join(folder, safetensors)}`;
  else if (foreign.length > 0)
    hint = `convert ${foreign[0]}: in transformers, from_pretrained(…) and save_pretrained(…, safe_serialization=True)`;
  return new RuntimeError(folder, `has no ${SINGLE} and no ${INDEX}, but ${listed}`, hint);
}

function openShards(folder: string, found: readonly string[]): WeightSource {
  const indexPath = join(folder, INDEX);
  const promised = readWeightMap(indexPath);
  const names = [...new Set(promised.values())].sort();
  for (const name of names) {
    if (basename(name) !== name)
      throw new RuntimeError(indexPath, `names the shard ${JSON.stringify(name)}, but a shard lies beside its index`);
    if (!found.includes(name))
      throw new RuntimeError(
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
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new RuntimeError(path, `cannot be read: ${messageOf(error)}`);
  }
  return parseWeightMap(path, text);
}

function openFile(path: string): OpenFile {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, "r");
    const size = fstatSync(descriptor).size;
    const prefix = readStart(descriptor, Math.min(8, size));
    const header = readStart(descriptor, safetensorsHeaderSize(path, prefix, size));
    return { path, descriptor, tensors: parseSafetensorsHeader(path, header, size).tensors };
  } catch (error) {
    if (descriptor !== undefined) closeSync(descriptor);
    if (error instanceof RuntimeError) throw error;
    throw new RuntimeError(path, `cannot be read: ${messageOf(error)}`);
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
    for (const [name, tensor] of file.tensors)
      if (!promised || promised.get(name) === basename(file.path)) tensors.set(name, { ...tensor, file });
  for (const [name, shard] of promised ?? [])
    if (!tensors.has(name))
      throw new RuntimeError(
        join(place, shard),
        `the index promises ${name} in this shard, but it holds no such tensor`,
        "index and shards come from different checkpoints: download them again together",
      );

  let closed = false;
  return {
    place,
    tensors,
    async read(name, byteOffset, byteLength, into) {
      const { file, fileOffset } = tensorForRead(place, tensors, name, byteOffset, byteLength);
      if (closed) throw new RuntimeError(`${place} ${name}`, "read after the checkpoint was closed");
      const bytes = readMemory(byteLength, into);
      let done = 0;
      while (done < byteLength) {
        const position = fileOffset + byteOffset + done;
        const { bytesRead } = await readAt(file.descriptor, bytes, done, byteLength - done, position).catch((error) => {
          throw new RuntimeError(`${file.path} ${name}`, `cannot be read at byte ${position}: ${messageOf(error)}`);
        });
        if (bytesRead === 0)
          throw new RuntimeError(
            `${file.path} ${name}`,
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
      for (const file of files) closeSync(file.descriptor);
    },
  };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
