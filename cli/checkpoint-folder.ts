// A folder that a new checkpoint is written into. All files are made in a folder of their own inside it and moved at the
// end, so that a failure, Ctrl-C or a full disk leaves it as it was. Files that belong to no checkpoint, such as a
// tokenizer's, stay untouched, and so does what comes while the checkpoint is made.

import { mkdirSync, readdirSync, renameSync } from "node:fs";
import { readdir, realpath, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { realPath, reasonOf, wayOutOf } from "../engine/index.ts";
import { fileError } from "../runtime/index.ts";
import { makeFolder } from "./output-folder.ts";
import { writeRefused } from "./refused.ts";
import { removeStage, STAGE, type Stage, takeStage } from "./stage.ts";
import { type Note, undoable } from "./undo.ts";

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
  const entries = await readdir(path, { withFileTypes: true }).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    if (error.code === "ENOTDIR") {
      const isThere = await stat(path).catch(() => undefined);
      throw fileError(
        path,
        isThere ? "is a file, but a checkpoint is a folder" : "can't be a folder, as it lies in a file",
      );
    }
    const hint = wayOutOf(error, "give a folder that you may read and write");
    throw fileError(path, `can't be read: ${reasonOf(error)}`, hint);
  });
  const there = entries.map(({ name }) => name);
  const keepsConfig = model !== undefined && there.includes(CONFIG) && (await isSame(path, model));
  const older = there.filter((name) => isReplaced(name, keepsConfig));
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

const isReplaced = (name: string, keepsConfig: boolean): boolean =>
  WEIGHTS.test(name) || (name === CONFIG && !keepsConfig);

const isSame = async (a: string, b: string): Promise<boolean> => (await realpath(a)) === (await realpath(b));

/**
 * Lets `make` write files into a new folder, then moves them all into place and removes what they replace.
 * @throws RuntimeError when the disk has no room for `bytes`, the system refuses, another process writes there too, or the
 * checkpoint that is there has become another one meanwhile. Whatever is thrown, by `make` too, the folder is as it was.
 */
export async function writeInto(
  folder: CheckpointFolder,
  bytes: number,
  make: (made: string) => Promise<void>,
): Promise<void> {
  const { path } = folder;
  const real = await realPath(path);
  const stage = await undoable(async (note) => {
    try {
      makeFolder(real, note);
      const taken = takeStage(join(real, STAGE), path, note);
      await checkSpace(path, bytes);
      await make(taken.made);
      putInPlace(folder, real, taken, note);
      return taken;
    } catch (error) {
      throw writeRefused(path, join(real, STAGE, "made"), error);
    }
  });
  removeStage(stage);
}

/** In one turn of the event loop, so that no signal is heard between. */
function putInPlace({ path, older, keepsConfig }: CheckpointFolder, real: string, stage: Stage, note: Note): void {
  const move = (from: string, to: string): void => {
    renameSync(from, to);
    note(() => renameSync(to, from));
  };
  const names = readdirSync(stage.made);
  const there = readdirSync(real).filter((name) => isReplaced(name, keepsConfig));
  const come = there.find((name) => !older.includes(name));
  if (come !== undefined)
    throw fileError(path, `${come} has come while the checkpoint was made`, "give another folder");
  mkdirSync(stage.older);
  // Also those that the new one lacks: a single file would be read in place of the new shards.
  for (const name of there) move(join(real, name), join(stage.older, name));
  for (const name of names) move(join(stage.made, name), join(real, name));
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
