// What the system refuses, told by the path that the user knows.
import { join } from "node:path";
import { reasonOf, wayOutOf } from "../engine/index.ts";
import { fileError, RuntimeError } from "../runtime/index.ts";

export const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && "syscall" in error;

/** The error to throw when writing to `path` failed. The user has not heard of `temporary`, the folder that stands for it. */
export function writeRefused(path: string, temporary: string, error: unknown): unknown {
  if (error instanceof RuntimeError && error.place.startsWith(temporary))
    return fileError(join(path, error.place.slice(temporary.length)), error.facts, error.hint, error.fix);
  if (!isSystemError(error)) return error;
  return fileError(
    path,
    `can't be written: ${reasonOf(error)}`,
    wayOutOf(error, "give a folder that you may write to"),
  );
}
