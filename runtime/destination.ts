// A file on its way to its place, for Node: under a temporary name until it is whole, so that a failure leaves no half of one.
import { randomBytes } from "node:crypto";
import { open, rename, rm, stat } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { fileError } from "./errors.ts";
import { isMissing, realPath } from "./real-path.ts";

/** A file that is written from its beginning on, as Node opens it. */
export interface DestinationFile {
  /** Some of the bytes, of which the system may take fewer. */
  write(bytes: Uint8Array, offset: number, length: number): Promise<{ readonly bytesWritten: number }>;
  /** All of it. */
  writeFile(data: string | Uint8Array): Promise<void>;
  /** Before it is placed or discarded. */
  close(): Promise<void>;
}

/** Where the bytes go, before they are in their place. */
export interface Destination {
  readonly file: DestinationFile;
  /** Puts the closed file in its place. */
  place(): Promise<void>;
  /** Removes the closed file, unless it is what stood there before. */
  discard(): Promise<void>;
}

/**
 * Follows links: what they lead to is replaced, or made. Only a regular file is replaced; a pipe or a device is written into.
 * `onTemporary` hears the temporary name before a file is made there.
 * @throws RuntimeError for a folder, and what the system says.
 */
export async function openDestination(path: string, onTemporary?: (path: string) => void): Promise<Destination> {
  const there = await stat(path).catch((error) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (there?.isDirectory() || path.endsWith("/") || path.endsWith(sep))
    throw fileError(path, "is a folder, but a file is to be written", "give the name of a file in it");
  if (there && !there.isFile()) {
    const nothing = async () => undefined;
    return { file: await open(path, "w"), place: nothing, discard: nothing };
  }
  const real = await realPath(path);
  const temporary = join(dirname(real), `.wgpt-${randomBytes(6).toString("hex")}.part`);
  onTemporary?.(temporary);
  return {
    // Never a file that someone else has made.
    file: await open(temporary, "wx", there?.mode),
    place: () => rename(temporary, real),
    discard: () => rm(temporary, { force: true }),
  };
}
