// How Node opens a file to read it, whoever asks: a path may lead to a pipe, where opening waits for a writer, or to a device.
import { closeSync, constants, fstatSync, openSync, type Stats } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

/** Opening a pipe waits for whoever writes it, but for this. */
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/**
 * Opens a regular file.
 * @throws an error of the system's, or one in its place for what is no regular file.
 */
export async function openRegular(path: string): Promise<FileHandle> {
  const file = await open(path, FLAGS);
  try {
    checkRegular(await file.stat());
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The same, as a descriptor. */
export function openRegularSync(path: string): number {
  const file = openSync(path, FLAGS);
  try {
    checkRegular(fstatSync(file));
    return file;
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

function checkRegular(stat: Stats): void {
  if (stat.isFile()) return;
  const kind = stat.isDirectory()
    ? "a folder"
    : stat.isFIFO()
      ? "a named pipe"
      : stat.isSocket()
        ? "a socket"
        : "a device";
  throw new Error(`it is ${kind}, but only regular files are read`);
}
