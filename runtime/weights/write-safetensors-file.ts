// Writes safetensors files, for Node: in pieces of any size, so that a file can be larger than memory. A file comes under a
// temporary name until it is whole, so that a failure leaves no half of one; a pipe or a device is written into.
import { openDestination } from "../destination.ts";
import { fileError, RuntimeError, reasonOf, wayOutOf } from "../errors.ts";
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

/** What else there is to say of a file. */
export interface SafetensorsOptions {
  /** Goes into the header's `__metadata__`. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Hears the temporary name before a file is made there; never where a pipe or a device is written into. */
  readonly onTemporary?: (path: string) => void;
}

/**
 * Begins a file that will hold `tensors`, one after the other. A file that is there is replaced once the new one is whole,
 * and a link to it stays; a pipe or a device is written into.
 * @throws RuntimeError, here and while writing, when the system refuses, or there is more or less data than promised.
 */
export async function createSafetensors(
  path: string,
  tensors: readonly TensorToWrite[],
  { metadata, onTemporary }: SafetensorsOptions = {},
): Promise<SafetensorsFile> {
  const header = safetensorsHeader(path, tensors, metadata);
  const size = tensors.reduce((n, t) => n + dataBytes(t), header.length);
  const refused = (error: Error): never => {
    if (error instanceof RuntimeError) throw error;
    const hint = wayOutOf(error, "the folder must exist and be writable");
    throw fileError(path, `can't be written: ${reasonOf(error)}`, hint);
  };
  const { file, place, discard } = await openDestination(path, onTemporary).catch(refused);
  let written = 0;

  async function write(bytes: Uint8Array): Promise<void> {
    if (written + bytes.length > size)
      throw fileError(path, `is given byte ${written + bytes.length}, but its tensors end at byte ${size}`);
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
      if (written !== size) throw fileError(path, `was given ${written} bytes, but its tensors end at byte ${size}`);
      await file.close().catch(refused);
      await place().catch(refused);
    },
    async abandon() {
      await file.close().catch(() => undefined);
      await discard();
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
  options: SafetensorsOptions = {},
): Promise<void> {
  const file = await createSafetensors(path, tensors, options);
  try {
    for (const tensor of tensors) {
      let given = 0;
      await fill(tensor, (bytes) => {
        given += bytes.length;
        return file.write(bytes);
      });
      if (given !== dataBytes(tensor))
        throw fileError(`${path} ${tensor.name}`, `takes ${dataBytes(tensor)} bytes, but was given ${given}`);
    }
    await file.finish();
  } catch (error) {
    await file.abandon();
    throw error;
  }
}
