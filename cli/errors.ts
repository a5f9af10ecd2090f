// How every command fails: one line on stderr, a non-zero exit code, a stack trace only with --debug.
import { printable, printableLines, WgptError } from "../base/index.ts";
import { userLine } from "./user-code.ts";

const oneLine = (text: string): string => printable(text.trim().replaceAll(/\s*\n\s*/g, " "));

/** The error as one line; `line` is where a plugin's code threw it, if it did. */
export function printError(error: unknown, line?: string): string {
  if (error instanceof WgptError) {
    const { place, facts } = error;
    const hint = error.hint === undefined ? "" : ` (${error.hint})`;
    const where = line === undefined ? place : line.startsWith(`${place}:`) ? line : `${line}: ${place}`;
    return `wgpt: ${oneLine(`${where}: ${facts}${hint}`)}`;
  }
  if (error instanceof Error && "syscall" in error && error.syscall === "uv_cwd")
    return "wgpt: .: the working directory is gone (change to a folder that is there)";
  if (line !== undefined) return `wgpt: ${oneLine(`${line}: ${String(error)}`)}`;
  return `wgpt: ${oneLine(error instanceof Error ? error.message : String(error))} (this looks like a bug in wgpt; --debug shows where)`;
}

/** Prints what the user should know, though it is no error. */
export const printWarning = (text: string): void => void process.stderr.write(`wgpt: warning: ${oneLine(text)}\n`);

const stackOf = (error: Error): string =>
  `${error.stack ?? ""}\n${error.cause instanceof Error ? `caused by ${stackOf(error.cause)}` : ""}`;

/** A file that a family refuses to read is at fault, and not the line that says so. */
const isAboutConfig = (error: unknown): boolean =>
  error instanceof WgptError && error.code === "bad-config" && /[/\\]/.test(error.place);

/** Prints the error; with `debug`, the stack too, and those of what it was made of. */
export function reportError(error: unknown, debug: boolean): void {
  process.stderr.write(`${printError(error, isAboutConfig(error) ? undefined : userLine(error))}\n`);
  if (debug && error instanceof Error) process.stderr.write(printableLines(stackOf(error)));
}
