// A folder that a new checkpoint is written into. All files are made in a folder of their own inside it and moved at the
// end, so that a failure, Ctrl-C or a full disk leaves it as it was. Files that belong to no checkpoint, such as a
// tokenizer's, stay untouched.
import { readdir, realpath, rename, rm, rmdir, statfs } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { RuntimeError } from "../runtime/index.ts";
import { isSystemError, makeFolder } from "./output-folder.ts";
import { reasonOf } from "./usage.ts";

const CONFIG = "config.json";
const WEIGHTS = /^model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?$/;

export interface CheckpointFolder {
  readonly path: string;
  /** The config.json that is there is the one the model was read from: it stays. */
  readonly keepsConfig: boolean;
  /** The files of the checkpoint that is replaced. */
  readonly older: readonly string[];
}

/**
 * Looks at the folder, which need not exist, before anything is made.
 * @throws RuntimeError when it holds a checkpoint and may not be replaced. `model` is the folder that the config was
 * read from, if it was one.
 */
export async function inspectFolder(
  path: string,
  model: string | undefined,
  force: boolean,
): Promise<CheckpointFolder> {
  const there = await readdir(path).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === "ENOENT") return [];
    if (error.code === "ENOTDIR") throw new RuntimeError(path, "is a file, but a checkpoint is a folder");
    throw new RuntimeError(path, `can't be read: ${reasonOf(error)}`, "give a folder that you may read and write");
  });
  const keepsConfig = model !== undefined && there.includes(CONFIG) && (await isSame(path, model));
  const older = there.filter((name) => WEIGHTS.test(name) || (name === CONFIG && !keepsConfig));
  if (older.length > 0 && !force)
    throw new RuntimeError(
      path,
      `holds ${older[0]} already`,
      "give another folder, or --force to replace the checkpoint in it",
    );
  return { path, keepsConfig, older };
}

const isSame = async (a: string, b: string): Promise<boolean> => (await realpath(a)) === (await realpath(b));

/**
 * Lets `make` write files into a new folder, then moves them all into place and removes what they replace.
 * @throws RuntimeError when the disk has no room for `bytes`, or the system refuses. Whatever is thrown before
 * the files move, by `make` too, nothing new is left.
 */
export async function writeInto(
  { path, older }: CheckpointFolder,
  bytes: number,
  make: (temporary: string) => Promise<void>,
): Promise<void> {
  const temporary = join(path, `.make-checkpoint.${process.pid}.part`);
  let made: string | undefined;
  try {
    made = await makeFolder(temporary);
    await checkSpace(path, bytes);
    await make(temporary);
    const names = await readdir(temporary);
    for (const name of names) await rename(join(temporary, name), join(path, name));
    // A file of the older one that the new one lacks: a single file would be read in place of the new shards.
    for (const name of older) if (!names.includes(name)) await rm(join(path, name));
    await rmdir(temporary);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    if (made !== undefined) await removeEmpty(resolve(path), resolve(made));
    if (isSystemError(error))
      throw new RuntimeError(path, `can't be written: ${reasonOf(error)}`, "give a folder that you may write to");
    // The user has not heard of the temporary folder.
    if (error instanceof RuntimeError && error.place.startsWith(temporary))
      throw new RuntimeError(join(path, error.place.slice(temporary.length)), error.facts, error.hint);
    throw error;
  }
}

async function checkSpace(path: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(path);
  if (bavail * bsize < bytes)
    throw new RuntimeError(
      path,
      `the checkpoint takes ${bytes} bytes, but this disk has ${bavail * bsize} left`,
      "make room, write to another disk, or choose a smaller --dtype",
    );
}

/** Removes `path` and the folders above it up to `top`, those that were made here, as far as they are empty. */
async function removeEmpty(path: string, top: string): Promise<void> {
  for (let folder = path; folder.startsWith(top); folder = dirname(folder)) {
    try {
      await rmdir(folder);
    } catch {
      return;
    }
  }
}
