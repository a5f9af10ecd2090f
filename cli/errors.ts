// How every command fails: one line on stderr, a non-zero exit code, a stack trace only with --debug.
import { WgptError } from "../base/index.ts";

const oneLine = (text: string): string => text.trim().replaceAll(/\s*\n\s*/g, " ");

/** The error as one line. */
export function printError(error: unknown): string {
  if (error instanceof WgptError) {
    const hint = error.hint === undefined ? "" : ` (${error.hint})`;
    return `wgpt: ${oneLine(`${error.place}: ${error.facts}${hint}`)}`;
  }
  return `wgpt: ${oneLine(error instanceof Error ? error.message : String(error))} (this looks like a bug in wgpt; --debug shows where)`;
}

/** Prints what the user should know, though it is no error. */
export const printWarning = (text: string): void => void process.stderr.write(`wgpt: warning: ${oneLine(text)}\n`);

/** Prints the error; with `debug`, the stack too. */
export function reportError(error: unknown, debug: boolean): void {
  process.stderr.write(`${printError(error)}\n`);
  if (debug && error instanceof Error) process.stderr.write(`${error.stack ?? ""}\n`);
}
