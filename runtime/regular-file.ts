// What Node reads of a file, whoever asks. What a path leads to may be no file: reading a named pipe waits for whoever
// writes it, and a device such as /dev/zero never ends. So a file is regular, and what is read of it whole has a bound.
import { closeSync, fstatSync, readSync } from "node:fs";
import { MOST_FILE_BYTES } from "./bounds.ts";
import { openRegular, openRegularSync } from "./open-regular.ts";

const CHUNK = 2 ** 16;

/**
 * The bytes of a regular file.
 * @throws as `openRegular`, and for a file of more than `most` bytes.
 */
export async function readRegular(path: string, most: number = MOST_FILE_BYTES): Promise<Uint8Array<ArrayBuffer>> {
  const file = await openRegular(path);
  try {
    const parts = new Parts((await file.stat()).size, most);
    for (;;) {
      const into = parts.next();
      const { bytesRead } = await file.read(into, 0, into.length);
      if (bytesRead === 0) return parts.whole();
      parts.add(into.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

/**
 * The first `length` bytes of a regular file, or all that there are.
 * @throws as `openRegular`.
 */
export async function readBeginning(path: string, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const file = await openRegular(path);
  try {
    const first = new Uint8Array(length);
    const { bytesRead } = await file.read(first, 0, length, 0);
    return first.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** `readRegular`, synchronously. */
export function readRegularSync(path: string, most: number = MOST_FILE_BYTES): Uint8Array<ArrayBuffer> {
  const file = openRegularSync(path);
  try {
    const parts = new Parts(fstatSync(file).size, most);
    for (;;) {
      const into = parts.next();
      const bytesRead = readSync(file, into, 0, into.length, null);
      if (bytesRead === 0) return parts.whole();
      parts.add(into.subarray(0, bytesRead));
    }
  } finally {
    closeSync(file);
  }
}

/** A text in UTF-8, as `readRegular` reads it; what is no UTF-8 becomes U+FFFD, and a byte-order mark stays. */
export const readRegularText = async (path: string): Promise<string> => decode(await readRegular(path));
/** `readRegularText`, synchronously. */
export const readRegularTextSync = (path: string): string => decode(readRegularSync(path));

const decode = (bytes: Uint8Array): string => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);

/** What is read of a file, whose size may be another than it says: one of /proc says 0, and one that is written to grows. */
class Parts {
  readonly #parts: Uint8Array<ArrayBuffer>[] = [];
  readonly #most: number;
  #expected: number;
  #length = 0;

  constructor(size: number, most: number) {
    this.#expected = size;
    this.#most = most;
    this.#check(size);
  }

  /** Memory for the next read. */
  next(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(Math.max(CHUNK, this.#expected - this.#length));
  }

  add(part: Uint8Array<ArrayBuffer>): void {
    this.#length += part.length;
    this.#expected = Math.max(this.#expected, this.#length);
    this.#check(this.#length);
    this.#parts.push(part);
  }

  whole(): Uint8Array<ArrayBuffer> {
    const [only, ...more] = this.#parts;
    if (only && more.length === 0) return only;
    const whole = new Uint8Array(this.#length);
    let end = 0;
    for (const part of this.#parts) {
      whole.set(part, end);
      end += part.length;
    }
    return whole;
  }

  #check(bytes: number): void {
    if (bytes > this.#most) throw new Error(`it has ${bytes} bytes, but at most ${this.#most} are read`);
  }
}
