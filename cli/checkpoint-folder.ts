// A folder that a new checkpoint is written into. All files are made in a folder of their own inside it and moved at the
// end, so that a failure, Ctrl-C or a full disk leaves it as it was. Files that belong to no checkpoint, such as a
// tokenizer's, stay untouched, and so does what comes while the checkpoint is made.
import { randomBytes } from "node:crypto";
import { mkdir, readdir, realpath, rename, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { fileError } from "../runtime/errors.ts";
import { RuntimeError } from "../runtime/index.ts";
import { isSystemError, makeFolder, removeEmpty } from "./output-folder.ts";
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
  if (path === "") throw fileError('""', "is no path, but a checkpoint is written to a folder", "give its name");
  const entries = await readdir(path, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    if (error.code === "ENOTDIR") throw fileError(path, "is a file, but a checkpoint is a folder");
    throw fileError(path, `can't be read: ${reasonOf(error)}`, "give a folder that you may read and write");
  });
  const there = entries.map(({ name }) => name);
  const keepsConfig = model !== undefined && there.includes(CONFIG) && (await isSame(path, model));
  const older = there.filter((name) => WEIGHTS.test(name) || (name === CONFIG && !keepsConfig));
  if (older.length > 0 && !force)
    throw fileError(
      path,
      `holds ${older[0]} already`,
      "give another folder, or --force to replace the checkpoint in it",
    );
  const folder = entries.find((entry) => entry.isDirectory() && older.includes(entry.name));
  if (folder) throw fileError(path, `holds ${folder.name}, which is a folder and no file`, "give another folder");
  return { path, keepsConfig, older };
}

const isSame = async (a: string, b: string): Promise<boolean> => (await realpath(a)) === (await realpath(b));

/**
 * Lets `make` write files into a new folder, then moves them all into place and removes what they replace.
 * @throws RuntimeError when the disk has no room for `bytes`, the system refuses, or a file has come meanwhile that one of
 * the new would replace. Whatever is thrown, by `make` too, the folder is as it was.
 */
export async function writeInto(
  { path, older }: CheckpointFolder,
  bytes: number,
  make: (temporary: string) => Promise<void>,
): Promise<void> {
  const temporary = join(path, `.wgpt-${randomBytes(6).toString("hex")}.part`);
  const replaced = join(temporary, "replaced");
  const undo: (() => Promise<void>)[] = [];
  try {
    const made = await makeFolder(path);
    if (made !== undefined) undo.unshift(() => removeEmpty(path, made));
    await mkdir(temporary);
    undo.unshift(() => rm(temporary, { recursive: true, force: true }));
    await checkSpace(path, bytes);
    await make(temporary);
    const names = await readdir(temporary);
    await mkdir(replaced);
    const move = async (from: string, to: string): Promise<void> => {
      await rename(from, to);
      undo.unshift(() => rename(to, from));
    };
    // Also those that the new one lacks: a single file would be read in place of the new shards.
    for (const name of older) await move(join(path, name), join(replaced, name));
    const come = (await readdir(path)).find((name) => names.includes(name));
    if (come !== undefined)
      throw fileError(path, `${come} has come while the checkpoint was made`, "give another folder");
    for (const name of names) await move(join(temporary, name), join(path, name));
  } catch (error) {
    for (const step of undo) await step();
    if (isSystemError(error))
      throw fileError(path, `can't be written: ${reasonOf(error)}`, "give a folder that you may write to");
    // The user has not heard of the temporary folder.
    if (error instanceof RuntimeError && error.place.startsWith(temporary))
      throw fileError(join(path, error.place.slice(temporary.length)), error.facts, error.hint, error.fix);
    throw error;
  }
  await rm(temporary, { recursive: true, force: true });
}

async function checkSpace(path: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(path);
  if (bavail * bsize < bytes)
    throw fileError(
      path,
      `the checkpoint takes ${bytes} bytes, but this disk has ${bavail * bsize} left`,
      "make room, write to another disk, or choose a smaller --dtype",
    );
}
