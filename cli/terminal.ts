// What the commands print, and what becomes of it where a stream is closed or full.
import { printable, printableLines, withoutControls } from "../base/index.ts";
import { reasonOf } from "../engine/index.ts";
import { fileError } from "../runtime/index.ts";
import { reportError } from "./errors.ts";

/** Prints lines that may hold names from files. */
export const printLines = (text: string): void => void process.stdout.write(printableLines(text));

/** Prints an object as one line of JSON. */
export const printJson = (value: object): void => void process.stdout.write(`${printable(JSON.stringify(value))}\n`);

/** A model's text or a user's as stdout takes it: byte by byte, but a terminal sees no control characters. */
export const shownText = (text: string): string => (process.stdout.isTTY ? withoutControls(text) : text);

/**
 * Ends the process where stdout takes no more: with 0 where the reader has closed it, as in `wgpt … | head`, otherwise with 1
 * and the reason. What stderr does not take is lost: nobody is left to tell.
 */
export function watchStreams(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    reportError(fileError("stdout", `can't be written: ${reasonOf(error)}`, "make room, or write elsewhere"), false);
    process.exit(1);
  });
  process.stderr.on("error", () => {});
}
