// Files that a command writes whole, besides safetensors. An older one is replaced only where wgpt wrote it, which its first
// characters tell; folders are in output-folder.ts.
import { rmSync } from "node:fs";
import { access, constants, stat } from "node:fs/promises";
import { dirname, sep } from "node:path";
import { isMissing, openDestination, readBeginning, realPath, reasonOf, wayOutOf } from "../engine/index.ts";
import { fileError } from "../runtime/index.ts";
import { isSystemError } from "./refused.ts";
import { undoable } from "./undo.ts";

/** A kind of file, such as a plot. */
export interface FileKind {
  /** What errors call it. */
  readonly name: string;
  /** What every one of them begins with. */
  readonly opening: string;
}

const WRITABLE = "the folder must exist and be writable";

/**
 * Looks at the place of a file that is to be written, before anything is computed for it.
 * @throws RuntimeError for a folder, and for a file that is there and is none of this kind that wgpt wrote; an empty one may be replaced.
 */
export async function claimFile(path: string, kind: FileKind): Promise<void> {
  const there = await stat(path).catch((error: Error) => {
    if (isMissing(error)) return undefined;
    throw fileError(path, `can't be written: ${reasonOf(error)}`, wayOutOf(error, WRITABLE));
  });
  if (there?.isDirectory() || path.endsWith("/") || path.endsWith(sep))
    throw fileError(path, "is a folder, but a file is to be written", "give the name of a file in it");
  if (!there) await checkFolder(path);
  if (!there?.isFile() || there.size === 0 || (await beginsWith(path, kind.opening))) return;
  throw fileError(
    path,
    `is there already, and is no ${kind.name} that wgpt wrote`,
    `move it elsewhere, or give a new name or an older ${kind.name}'s`,
  );
}

/** That what is computed for minutes has no place to go should be said before. */
async function checkFolder(path: string): Promise<void> {
  try {
    await access(dirname(await realPath(path)), constants.W_OK);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw fileError(path, `can't be written: ${reasonOf(error)}`, wayOutOf(error, WRITABLE));
  }
}

async function beginsWith(path: string, opening: string): Promise<boolean> {
  const wanted = Buffer.from(opening);
  try {
    return wanted.equals(await readBeginning(path, wanted.length));
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw fileError(path, `can't be read: ${reasonOf(error)}`, wayOutOf(error, "give a new name"));
  }
}

/**
 * Writes the file under a temporary name and puts it in its place when it is whole; a pipe or a device is written into. A failure leaves
 * the older file and nothing of the new, and so does a signal that ends the process.
 * @throws RuntimeError as `claimFile` does, and when the system refuses.
 */
export async function writeOutputFile(path: string, kind: FileKind, text: string): Promise<void> {
  if (!text.startsWith(kind.opening)) throw new Error(`a ${kind.name} begins with ${kind.opening}`);
  await undoable(async (note) => {
    try {
      const made = await openDestination(path, (temporary) => note(() => rmSync(temporary, { force: true })));
      await made.file.writeFile(text).finally(() => made.file.close());
      // Something else may have come there meanwhile.
      await claimFile(path, kind);
      await made.place();
    } catch (error) {
      if (!isSystemError(error)) throw error;
      throw fileError(path, `can't be written: ${reasonOf(error)}`, wayOutOf(error, WRITABLE));
    }
  });
}
