// Folders that a command writes whole: an older one of ours is replaced, anything else is left alone.
import { access, mkdir, opendir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { RuntimeError } from "../runtime/index.ts";
import { reasonOf } from "./usage.ts";

export interface FolderKind {
  readonly name: string;
  /** The paths that may stand in it, with `/` between names. */
  readonly files: RegExp;
}

export const BUNDLE: FolderKind = {
  name: "bundle",
  files:
    /^(index\.(ts|js|d\.ts)|(plan|weights|tokenizer|tokenizer_config)\.json|graph\.txt|kernels\/[^/]+\.wgsl|weights\/\d{5}-of-\d{5}\.safetensors)$/,
};
export const DUMP: FolderKind = { name: "dump", files: /^(prefill|decode|logits)\/\d\d-[a-z-]+\.txt$/ };

/** Throws where `path` is a file, or a folder with anything in it that no `kind` holds: replacing it would lose that. */
export async function refuseForeign(path: string, kind: FolderKind): Promise<void> {
  const hint = `give a new folder, or an older ${kind.name}'s`;
  try {
    for await (const entry of await opendir(path, { recursive: true })) {
      const name = relative(path, join(entry.parentPath, entry.name)).split(sep).join("/");
      if (!entry.isDirectory() && !kind.files.test(name))
        throw new RuntimeError(path, `holds ${name}, which no ${kind.name} does`, hint);
    }
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.code === "ENOTDIR")
      throw new RuntimeError(path, "is a file or lies in one, but a folder is to be written", hint);
    if (error.code !== "ENOENT") throw new RuntimeError(path, `can't be read: ${reasonOf(error)}`, hint);
  }
}

/**
 * Writes the files beside the folder and puts it in place at the end, so that a failure leaves the old one and nothing of
 * the new. Returns the bytes of the texts. Check with `refuseForeign` first. What is not text, `files` writes itself into
 * the folder that it is given.
 */
export async function replaceFolder(
  path: string,
  files: ReadonlyMap<string, string> | ((temporary: string) => Promise<ReadonlyMap<string, string>>),
): Promise<number> {
  const whole = resolve(path);
  const temporary = join(dirname(whole), `.${basename(whole)}.${process.pid}.part`);
  let made: string | undefined;
  try {
    made = await makeFolder(temporary);
    let bytes = 0;
    for (const [name, text] of typeof files === "function" ? await files(temporary) : files) {
      await makeFolder(dirname(join(temporary, name)));
      await writeFile(join(temporary, name), text);
      bytes += Buffer.byteLength(text);
    }
    await rm(whole, { recursive: true, force: true });
    await rename(temporary, whole);
    return bytes;
  } catch (error) {
    if (made !== undefined) await rm(made, { recursive: true, force: true });
    // The user has not heard of the temporary folder.
    if (error instanceof RuntimeError && error.place.startsWith(temporary))
      throw new RuntimeError(join(path, error.place.slice(temporary.length)), error.facts, error.hint);
    if (!isSystemError(error)) throw error;
    throw new RuntimeError(path, `can't be written: ${reasonOf(error)}`, "give a folder that you may write to");
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

export const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && "syscall" in error;
