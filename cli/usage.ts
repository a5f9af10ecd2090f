// Reading numbers and lists from the command line; a wrong one is named with its flag. And what the system says about files.
import { InvalidArgumentError } from "commander";
import { decodeText, MOST_FILE_BYTES } from "../engine/index.ts";
import { fileError } from "../runtime/index.ts";

/** A file or a folder. The empty path, which a variable that is not set leaves behind, would be the working directory. */
export function filePath(text: string): string {
  if (text === "") throw new InvalidArgumentError("It must be a path, but it is empty.");
  return text;
}

const parse = (text: string, accepts: (n: number) => boolean, wanted: string): number => {
  const n = Number(text);
  if (text.trim() === "" || !accepts(n)) throw new InvalidArgumentError(`It must be ${wanted}.`);
  return n;
};

export const wholeNumber = (text: string): number =>
  parse(text, (n) => Number.isInteger(n) && n >= 1, "a whole number, 1 or more");
export const count = (text: string): number =>
  parse(text, (n) => Number.isInteger(n) && n >= 0, "a whole number, 0 or more");
export const seed = (text: string): number =>
  parse(text, (n) => Number.isInteger(n) && n >= 0 && n < 2 ** 32, "a whole number from 0 to 4294967295");
export const temperature = (text: string): number =>
  parse(text, (n) => Number.isFinite(n) && n >= 0, "a number, 0 or more");
export const probability = (text: string): number => parse(text, (n) => n > 0 && n <= 1, "a number above 0, up to 1");

export const share = (text: string): number => parse(text, (n) => n >= 0 && n <= 1, "a number from 0 to 1");
export const penalty = (text: string): number =>
  parse(text, (n) => n >= 0.01 && n <= 100, "a number from 0.01 to 100, such as 1.2");

const UNITS: Readonly<Record<string, number>> = { "": 0, k: 1, m: 2, g: 3, t: 4 };

/** `6GiB`, `1.5G` and `800M` in powers of 1024, `6GB` in powers of 1000, or bytes. */
export function byteSize(text: string): number {
  const [, number = "", prefix = "", unit = ""] = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(i?b)?$/i.exec(text.trim()) ?? [];
  const base = unit.toLowerCase() === "b" && prefix !== "" ? 1000 : 1024;
  return parse(
    number === "" ? "" : String(Math.floor(Number(number) * base ** (UNITS[prefix.toLowerCase()] ?? 0))),
    (n) => n > 0,
    "a size such as 6GiB, 800MiB or 4GB",
  );
}

/** `128,512` */
export const wholeNumbers = (text: string): number[] => text.split(",").map(wholeNumber);

/** `1,2,3` */
export function tokenIds(text: string): number[] {
  return text
    .split(/[\s,]+/)
    .filter((part) => part !== "")
    .map((part) => parse(part, (n) => Number.isInteger(n) && n >= 0, "token ids such as 1,2,3"));
}

/** For options that may be given several times. */
export const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** The text of a prompt as the shell passes it: `\n` typed in quotes stays two characters in most shells. */
export async function readStdin(): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of process.stdin) {
    parts.push(Buffer.from(part));
    bytes += part.length;
    if (bytes > MOST_FILE_BYTES)
      throw fileError("stdin", `has more than the ${MOST_FILE_BYTES} bytes that are read`, "give a shorter text");
  }
  return decodeText(Buffer.concat(parts), "stdin");
}
