// Folders that a command writes whole. Of an older one only what wgpt wrote is replaced: anything else in it stays, whenever
// it came. What makes a folder ours is in folder-kinds.ts.
import { randomBytes } from "node:crypto";
import { access, mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import { fileError } from "../runtime/errors.ts";
import { RuntimeError } from "../runtime/index.ts";
import { isMissing, realPath } from "../runtime/real-path.ts";
import { type FolderKind, parseObject } from "./folder-kinds.ts";
import { reasonOf } from "./usage.ts";

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
    await listOurs(folder, real).catch((error) => refuseUnreadable(path, hint, error));
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
  throw fileError(path, `can't be read: ${reasonOf(error)}`, hint);
}

interface Found {
  /** With `/` between names. */
  readonly name: string;
  readonly type: "file" | "folder" | "other";
}

/**
 * All that the folder holds, what lies in a folder before it; nothing where there is none.
 * @throws RuntimeError for the first thing that is not ours.
 */
async function listOurs({ path, kind }: OutputFolder, real: string): Promise<readonly Found[]> {
  const found = await walk(real);
  if (found.length === 0) return [];
  const mark = parseObject(await readFile(join(real, kind.mark), "utf8").catch(() => ""));
  const marked = mark !== undefined && "format" in mark && mark.format === kind.format;
  const files = new Set(marked ? await kind.list(real, mark) : []);
  const isOurs = ({ name, type }: Found): boolean =>
    type === "file" ? files.has(name) : type === "folder" && [...files].some((file) => file.startsWith(`${name}/`));
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
}

/** Follows no link. */
async function walk(folder: string, above = ""): Promise<readonly Found[]> {
  const entries = await readdir(join(folder, above), { withFileTypes: true }).catch((error) => {
    if (isMissing(error)) return [];
    throw error;
  });
  const found: Found[] = [];
  for (const entry of entries) {
    const name = above + entry.name;
    if (entry.isDirectory()) found.push(...(await walk(folder, `${name}/`)));
    found.push({ name, type: entry.isDirectory() ? "folder" : entry.isFile() ? "file" : "other" });
  }
  return found;
}

/**
 * Writes each folder beside its place, and puts all in place when all are whole. A failure leaves the older ones and nothing
 * of the new. Returns the bytes of the texts in each.
 */
export async function replaceFolders(contents: readonly FolderContents[]): Promise<readonly number[]> {
  const staged: (FolderContents & { readonly temporary: string; readonly aside: string; readonly bytes: number })[] =
    [];
  const undo: (() => Promise<void>)[] = [];
  try {
    for (const { folder, files } of contents) {
      const [temporary, aside] = [beside(folder, "part"), beside(folder, "old")];
      await reporting(folder, temporary, async () => {
        const above = dirname(temporary);
        const made = await makeFolder(above);
        if (made !== undefined) undo.unshift(() => removeEmpty(above, made));
        await mkdir(temporary);
        undo.unshift(() => rm(temporary, { recursive: true, force: true }));
        staged.push({ folder, files, temporary, aside, bytes: await writeFiles(temporary, files, folder.kind) });
      });
    }
    for (const { folder, temporary, aside } of staged)
      await reporting(folder, temporary, () => swap(folder, temporary, aside, undo));
  } catch (error) {
    for (const step of undo) await step();
    throw error;
  }
  for (const { folder, aside } of staged) await removeOlder(folder, aside);
  return staged.map(({ bytes }) => bytes);
}

/** A name that nobody has, on the same disk. */
const beside = ({ real }: OutputFolder, what: string): string =>
  join(dirname(real), `.wgpt-${randomBytes(6).toString("hex")}.${what}`);

async function writeFiles(temporary: string, files: FolderContents["files"], kind: FolderKind): Promise<number> {
  let bytes = 0;
  for (const [name, text] of typeof files === "function" ? await files(temporary) : files) {
    await mkdir(dirname(join(temporary, name)), { recursive: true });
    await writeFile(join(temporary, name), text);
    bytes += Buffer.byteLength(text);
  }
  await kind.writeMark?.(temporary);
  return bytes;
}

/** Puts the new folder where the older one is, and that aside. What takes it back is added to `undo`. */
async function swap(
  folder: OutputFolder,
  temporary: string,
  aside: string,
  undo: (() => Promise<void>)[],
): Promise<void> {
  const { path, kind, real } = folder;
  if ((await listOurs(folder, real)).length > 0) {
    await rename(real, aside);
    undo.unshift(() =>
      rename(aside, real).catch((error) => {
        const why = isSystemError(error) ? reasonOf(error) : String(error);
        throw fileError(path, `the older ${kind.name} can't be put back: ${why}`, `it is in ${aside}`);
      }),
    );
    // Nobody's path leads into it any more, so that this sees all that came until then.
    await listOurs(folder, aside);
  } else {
    // This and the renaming leave a folder alone that something has come into.
    await rmdir(real).catch((error) => isMissing(error) || Promise.reject(error));
  }
  await rename(temporary, real);
  undo.unshift(() => rename(real, temporary));
}

/** Removes what was put aside, as far as it is ours. */
async function removeOlder(folder: OutputFolder, aside: string): Promise<void> {
  try {
    for (const { name, type } of await listOurs(folder, aside))
      await (type === "folder" ? rmdir(join(aside, name)) : rm(join(aside, name)));
    await rmdir(aside).catch((error) => isMissing(error) || Promise.reject(error));
  } catch (error) {
    const why = isSystemError(error) ? reasonOf(error) : error instanceof RuntimeError ? error.facts : undefined;
    if (why === undefined) throw error;
    throw fileError(
      folder.path,
      `is written, but the older ${folder.kind.name} can't be removed whole: ${why}`,
      `what is left of it is in ${aside}`,
    );
  }
}

/** The user has not heard of the temporary folder. */
async function reporting(folder: OutputFolder, temporary: string, body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } catch (error) {
    if (error instanceof RuntimeError && error.place.startsWith(temporary))
      throw fileError(join(folder.path, error.place.slice(temporary.length)), error.facts, error.hint, error.fix);
    if (!isSystemError(error)) throw error;
    throw fileError(folder.path, `can't be written: ${reasonOf(error)}`, "give a folder that you may write to");
  }
}

/**
 * Makes a folder and those above it; returns the first that was made. Node's own `recursive` never returns where a
 * file system lets nobody make folders, such as /proc.
 */
export async function makeFolder(path: string): Promise<string | undefined> {
  if (
    await access(path).then(
      () => true,
      () => false,
    )
  )
    return undefined;
  const above = dirname(path) === path ? undefined : await makeFolder(dirname(path));
  await mkdir(path);
  return above ?? path;
}

/** Removes `path` and the folders above it up to `top`, those that `makeFolder` made, as far as they are empty. */
export async function removeEmpty(path: string, top: string): Promise<void> {
  const highest = resolve(top);
  for (let folder = resolve(path); contains(highest, folder); folder = dirname(folder)) {
    try {
      await rmdir(folder);
    } catch {
      return;
    }
  }
}

export const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && "syscall" in error;
