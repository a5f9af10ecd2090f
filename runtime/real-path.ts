// Where a path leads, for Node, when the file or folder may not exist yet: what is written goes there, and links stay.
import { readlink, realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { shortValue } from "../base/index.ts";
import { fileError } from "./errors.ts";

/**
 * The path itself, as a system takes one.
 * @throws RuntimeError for what is no text, or holds a NUL, at which a system would cut it.
 */
export function checkPath(path: unknown): string {
  if (typeof path === "string" && !path.includes("\0")) return path;
  throw fileError(shortValue(path), "is no path", "give the path of a folder or a file, as text");
}

/**
 * The path with every link followed. What does not exist is kept by name, behind a link that leads nowhere too.
 * @throws a system error where a link leads in a circle, or a file stands where a folder must.
 */
export async function realPath(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
    const whole = resolve(path);
    const above = await realPath(dirname(whole));
    const link = await readlink(whole).catch(() => undefined);
    return link === undefined ? join(above, basename(whole)) : realPath(resolve(above, link));
  }
}

/** Whether the system says that there is no such file. */
export const isMissing = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "ENOENT";
