// How every command fails: one line on stderr, a non-zero exit code, a stack trace only with --debug.

/** Our own errors carry a place, facts and a hint; their names are looked at because ir/ and runtime/ share no class. */
interface Explained extends Error {
  readonly place: string;
  readonly facts: string;
  readonly hint?: string;
}

const isExplained = (error: unknown): error is Explained =>
  error instanceof Error && (error.name === "CompileError" || error.name === "RuntimeError");

const oneLine = (text: string): string => text.trim().replaceAll(/\s*\n\s*/g, " ");

/** The error as one line. */
export function printError(error: unknown): string {
  if (isExplained(error)) {
    const hint = error.hint === undefined ? "" : ` (${error.hint})`;
    return `wgpt: ${oneLine(`${error.place}: ${error.facts}${hint}`)}`;
  }
  return `wgpt: ${oneLine(error instanceof Error ? error.message : String(error))} (this looks like a bug in wgpt; --debug shows where)`;
}

/** Prints the error; with `debug`, the stack too. */
export function reportError(error: unknown, debug: boolean): void {
  process.stderr.write(`${printError(error)}\n`);
  if (debug && error instanceof Error) process.stderr.write(`${error.stack ?? ""}\n`);
}
