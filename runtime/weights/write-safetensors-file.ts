// Writes safetensors files, for Node: in pieces of any size, so that a file can be larger than memory, and under a
// temporary name until it is whole, so that a failure leaves no half of one.
import { open, rename, rm } from "node:fs/promises";
import { getSystemErrorMap } from "node:util";
import { RuntimeError } from "../errors.ts";
import { dataBytes, safetensorsHeader, type TensorToWrite } from "./write-safetensors.ts";

/** A file that is being written. The data of its tensors comes in their order, in pieces of any size. */
export interface SafetensorsFile {
  /** The bytes may be overwritten once this has resolved. One call at a time. */
  write(bytes: Uint8Array): Promise<void>;
  /** Puts the file in its place. */
  finish(): Promise<void>;
  /** Leaves nothing behind. */
  abandon(): Promise<void>;
}

/**
 * Begins a file that will hold `tensors`, one after the other.
 * @throws RuntimeError, here and while writing, when the system refuses, or there is more or less data than promised.
 */
export async function createSafetensors(
  path: string,
  tensors: readonly TensorToWrite[],
  metadata?: Readonly<Record<string, string>>,
): Promise<SafetensorsFile> {
  const header = safetensorsHeader(path, tensors, metadata);
  const size = tensors.reduce((n, t) => n + dataBytes(t), header.length);
  const temporary = `${path}.${process.pid}.part`;
  const refused = (error: Error): never => {
    const hint = isFull(error)
      ? "make room on that disk, or write to another"
      : "the folder must exist and be writable";
    throw new RuntimeError(path, `can't be written: ${reasonOf(error)}`, hint);
  };
  const file = await open(temporary, "w").catch(refused);
  let written = 0;

  async function write(bytes: Uint8Array): Promise<void> {
    if (written + bytes.length > size)
      throw new RuntimeError(path, `is given byte ${written + bytes.length}, but its tensors end at byte ${size}`);
    let done = 0;
    // The system may take less than it is given.
    while (done < bytes.length) {
      const { bytesWritten } = await file.write(bytes, done, bytes.length - done).catch(refused);
      done += bytesWritten;
      written += bytesWritten;
    }
  }

  const created: SafetensorsFile = {
    write,
    async finish() {
      if (written !== size)
        throw new RuntimeError(path, `was given ${written} bytes, but its tensors end at byte ${size}`);
      await file.close().catch(refused);
      await rename(temporary, path).catch(refused);
    },
    async abandon() {
      await file.close().catch(() => undefined);
      await rm(temporary, { force: true });
    },
  };
  await write(header).catch(async (error) => {
    await created.abandon();
    throw error;
  });
  return created;
}

/**
 * Writes a whole file: `fill` is called for each tensor in turn and hands its data to `write`, in pieces of any size.
 * @throws RuntimeError as `createSafetensors` does. Whatever is thrown, by `fill` too, no file is left behind.
 */
export async function writeSafetensors<T extends TensorToWrite>(
  path: string,
  tensors: readonly T[],
  fill: (tensor: T, write: SafetensorsFile["write"]) => Promise<void>,
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  const file = await createSafetensors(path, tensors, metadata);
  try {
    for (const tensor of tensors) {
      let given = 0;
      await fill(tensor, (bytes) => {
        given += bytes.length;
        return file.write(bytes);
      });
      if (given !== dataBytes(tensor))
        throw new RuntimeError(`${path} ${tensor.name}`, `takes ${dataBytes(tensor)} bytes, but was given ${given}`);
    }
    await file.finish();
  } catch (error) {
    await file.abandon();
    throw error;
  }
}

const isFull = (error: Error): boolean => "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT");

/** The system's own words, without its names for the call and the file. */
function reasonOf(error: NodeJS.ErrnoException): string {
  return getSystemErrorMap().get(error.errno ?? 0)?.[1] ?? error.message;
}
