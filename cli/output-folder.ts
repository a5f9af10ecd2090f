// Folders that a command writes whole. Of an older one only what wgpt wrote is replaced: anything else in it stays, whenever
// it came. What makes a folder ours is in folder-kinds.ts.

import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
import { isMissing, readIfThere, realPath, reasonOf, wayOutOf } from "../engine/index.ts";
import { fileError, RuntimeError } from "../runtime/index.ts";
import { type FolderKind, parseObject } from "./folder-kinds.ts";
import { isFixed, isMountPoint } from "./mount-point.ts";
import { isSystemError, writeRefused } from "./refused.ts";
import { removeStage, STAGE, type Stage, stageBeside, takeStage } from "./stage.ts";
import { type Note, undoable } from "./undo.ts";

/** A folder that a command may write. */
export interface OutputFolder {
  /** As the user gave it. */
  readonly path: string;
  readonly kind: FolderKind;
  /** Where it is, links followed. */
  readonly real: string;
}

/** What a command writes to a folder. */
export interface FolderContents {
  readonly folder: OutputFolder;
  /** Texts by their path in the folder, with `/` between names. What is no text, the function writes where it is told to. */
  readonly files: ReadonlyMap<string, string> | ((temporary: string) => Promise<ReadonlyMap<string, string>>);
}

/**
 * Looks at the folders that a command is to write, before anything is made.
 * @throws RuntimeError for one that holds anything but an older one of its kind, that is or holds the working directory, and
 * that holds or lies in another one or anything of `reads`.
 */
export async function claimFolders(
  wanted: readonly Pick<OutputFolder, "path" | "kind">[],
  reads: readonly string[],
): Promise<readonly OutputFolder[]> {
  const claimed: OutputFolder[] = [];
  const taken = await Promise.all(reads.map(async (path) => ({ path, real: await realPath(path), role: "is read" })));
  const cwd = await realPath(".");
  for (const { path, kind } of wanted) {
    const hint = `give a new folder, or an older ${kind.name}'s`;
    const real = await realPath(path).catch((error) => refuseUnreadable(path, hint, error));
    // An empty path is the working directory too.
    if (contains(real, cwd))
      throw fileError(path || '""', `${real === cwd ? "is" : "holds"} the working directory`, hint);
    for (const other of taken) {
      const facts =
        real === other.real
          ? `is to be written, but also ${other.role}`
          : contains(real, other.real)
            ? `holds ${other.path}, which ${other.role}`
            : contains(other.real, real)
              ? `lies in ${other.path}, which ${other.role}`
              : undefined;
      if (facts !== undefined) throw fileError(path, facts, "give a folder apart from it");
    }
    const folder = { path, kind, real };
    await listOurs(folder).catch((error) => refuseUnreadable(path, hint, error));
    claimed.push(folder);
    taken.push({ path, real, role: `is the ${kind.name}'s` });
  }
  return claimed;
}

const contains = (outer: string, inner: string): boolean =>
  inner === outer || inner.startsWith(outer.endsWith(sep) ? outer : outer + sep);

function refuseUnreadable(path: string, hint: string, error: unknown): never {
  if (!isSystemError(error)) throw error;
  if (error.code === "ENOTDIR") throw fileError(path, "is a file or lies in one, but a folder is to be written", hint);
  throw fileError(path, `can't be read: ${reasonOf(error)}`, wayOutOf(error, hint));
}

interface Found {
  /** With `/` between names. */
  readonly name: string;
  readonly type: "file" | "folder" | "other";
}

/** What the folder holds of ours. */
interface Ours {
  readonly found: readonly Found[];
  /** @throws RuntimeError for the first thing in `root`, where the folder may have been moved to, that is not ours. */
  check(root: string): readonly Found[];
}

/**
 * All that the folder holds, what lies in a folder before it; nothing where there is none.
 * @throws RuntimeError for the first thing that is not ours.
 */
async function listOurs({ path, kind, real }: OutputFolder): Promise<Ours> {
  const readList = async (name: string): Promise<string> =>
    (await readIfThere(join(real, name), join(path, name), "make it a file that you may read, or give a new folder")) ??
    "";
  const mark = parseObject(readEntries(real).length === 0 ? "" : await readList(kind.mark));
  const marked = mark !== undefined && "format" in mark && mark.format === kind.format;
  const files = new Set(marked ? await kind.list(mark, readList) : []);
  const isOurs = ({ name, type }: Found): boolean =>
    type === "file" ? files.has(name) : type === "folder" && [...files].some((file) => file.startsWith(`${name}/`));
  const check = (root: string): readonly Found[] => {
    const found = walk(root);
    const foreign = found.find((f) => !isOurs(f));
    if (!foreign) return found;
    throw marked
      ? fileError(
          path,
          `is a ${kind.name}, but holds ${foreign.name} too, which wgpt did not write`,
          "move that elsewhere, or give a new folder",
        )
      : fileError(
          path,
          `holds ${foreign.name}, but no ${kind.mark} of a ${kind.name}`,
          `give a new folder, or an older ${kind.name}'s`,
        );
  };
  return { found: check(real), check };
}

const LOST_AND_FOUND = "lost+found";

/** Follows no link, and leaves out what is nobody's: a stage, and what a file system keeps in its own root. */
function walk(folder: string, above = ""): readonly Found[] {
  const found: Found[] = [];
  for (const entry of readEntries(join(folder, above))) {
    const name = above + entry.name;
    if (name === STAGE || (name === LOST_AND_FOUND && isMountPoint(folder))) continue;
    if (entry.isDirectory()) found.push(...walk(folder, `${name}/`));
    found.push({ name, type: entry.isDirectory() ? "folder" : entry.isFile() ? "file" : "other" });
  }
  return found;
}

function readEntries(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** A folder that is written, but not yet in its place. */
interface Staged {
  readonly folder: OutputFolder;
  readonly stage: Stage;
  /** Can't be replaced by another, and so is filled. */
  readonly fixed: boolean;
  /** Of the texts. */
  readonly bytes: number;
}

interface Ready extends Staged {
  readonly ours: Ours;
}

/**
 * Writes each folder apart from its place, and puts all in place when all are whole. A failure leaves the older ones and
 * nothing of the new, and so does a signal that ends the process. Returns the bytes of the texts in each.
 */
export async function replaceFolders(contents: readonly FolderContents[]): Promise<readonly number[]> {
  const replaced = await undoable(async (note) => {
    const staged: Staged[] = [];
    for (const content of contents) staged.push(await makeApart(content, note));
    const ready = await Promise.all(
      staged.map(async (s): Promise<Ready> => ({ ...s, ours: await listOurs(s.folder) })),
    );
    // In one turn of the event loop, so that no signal is heard between.
    for (const one of ready) putInPlace(one, note);
    return ready;
  });
  for (const one of replaced) removeOlder(one);
  return replaced.map(({ bytes }) => bytes);
}

async function makeApart({ folder, files }: FolderContents, note: Note): Promise<Staged> {
  const { path, real, kind } = folder;
  const fixed = isFixed(real);
  const at = fixed ? join(real, STAGE) : stageBeside(real);
  try {
    makeFolder(dirname(at), note);
    const stage = takeStage(at, path, note);
    return { folder, stage, fixed, bytes: await writeFiles(stage.made, files, kind) };
  } catch (error) {
    throw writeRefused(path, join(at, "made"), error);
  }
}

async function writeFiles(made: string, files: FolderContents["files"], kind: FolderKind): Promise<number> {
  let bytes = 0;
  for (const [name, text] of typeof files === "function" ? await files(made) : files) {
    await mkdir(dirname(join(made, name)), { recursive: true });
    await writeFile(join(made, name), text);
    bytes += Buffer.byteLength(text);
  }
  await kind.writeMark?.(made);
  return bytes;
}

function putInPlace(ready: Ready, note: Note): void {
  try {
    if (ready.fixed) fill(ready, note);
    else swap(ready, note);
  } catch (error) {
    throw writeRefused(ready.folder.path, ready.stage.made, error);
  }
}

/** Puts the new folder where the older one is, and that aside. */
function swap({ folder: { path, kind, real }, stage, ours }: Ready, note: Note): void {
  if (ours.found.length > 0) {
    renameSync(real, stage.older);
    note(() => putBack(path, kind, stage.older, real));
    // Nobody's path leads into it any more, so that this sees all that came until then.
    ours.check(stage.older);
  } else removeIfThere(real);
  // This leaves a folder alone that something has come into.
  renameSync(stage.made, real);
  note(() => renameSync(real, stage.made));
}

function putBack(path: string, kind: FolderKind, older: string, real: string): void {
  try {
    renameSync(older, real);
  } catch (error) {
    const why = isSystemError(error) ? reasonOf(error) : String(error);
    throw fileError(path, `the older ${kind.name} can't be put back: ${why}`, `it is in ${older}`);
  }
}

/** Puts what is new into the folder in place of what is ours. Where its mark is, it is whole: that goes first and comes last. */
function fill({ folder: { path, real, kind }, stage, ours }: Ready, note: Note): void {
  const move = (from: string, to: string): void => {
    if (existsSync(to)) throw fileError(path, `${basename(to)} has come while it was written`, "move that elsewhere");
    renameSync(from, to);
    note(() => renameSync(to, from));
  };
  mkdirSync(stage.older);
  const older = ours.found.map(({ name }) => name).filter((name) => !name.includes("/"));
  for (const name of older.toSorted((a, b) => Number(b === kind.mark) - Number(a === kind.mark)))
    move(join(real, name), join(stage.older, name));
  ours.check(stage.older);
  const made = readdirSync(stage.made);
  for (const name of made.toSorted((a, b) => Number(a === kind.mark) - Number(b === kind.mark)))
    move(join(stage.made, name), join(real, name));
}

/** Removes what was put aside, as far as it is ours. */
function removeOlder({ folder, stage, ours }: Ready): void {
  try {
    for (const { name, type } of ours.check(stage.older))
      if (type === "folder") rmdirSync(join(stage.older, name));
      else rmSync(join(stage.older, name));
    removeIfThere(stage.older);
    removeStage(stage);
  } catch (error) {
    const why = isSystemError(error) ? reasonOf(error) : error instanceof RuntimeError ? error.facts : undefined;
    if (why === undefined) throw error;
    throw fileError(
      folder.path,
      `is written, but the older ${folder.kind.name} can't be removed whole: ${why}`,
      `move from ${stage.older} what you want to keep, then remove ${stage.path}`,
    );
  }
}

/** An empty folder. */
function removeIfThere(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/**
 * Makes a folder and those above it, and notes that they go again as far as they are empty. Node's own `recursive` never
 * returns where a file system lets nobody make folders, such as /proc.
 */
export function makeFolder(path: string, note: Note): void {
  if (existsSync(path)) return;
  if (dirname(path) !== path) makeFolder(dirname(path), note);
  mkdirSync(path);
  note(() => {
    try {
      rmdirSync(path);
    } catch {
      // Something else has come into it.
    }
  });
}
