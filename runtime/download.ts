// One file over HTTP. The connection may drop or stall, and the server may be wrong or worse: what was cut off is asked for again
// from where it ended, what does not come is waited for so long and so often, and no answer is taken for more than was asked.
import { MOST_FILE_BYTES } from "./bounds.ts";
import { fileError, RuntimeError } from "./errors.ts";

/** How long and how often a server is waited for. */
export interface Patience {
  /** Milliseconds without an answer or another byte. Over all, a byte has to come in each millisecond beyond it. */
  readonly idleMs: number;
  /** Tries in a row that bring no byte. */
  readonly tries: number;
  /** Milliseconds before the second try; twice as many before each further one. */
  readonly backoffMs: number;
}

/** Half a minute, four times. */
export const PATIENCE: Patience = { idleMs: 30_000, tries: 4, backoffMs: 250 };

const OK = 200;
const PARTIAL = 206;
const BEYOND_END = 416;
/** What another try may change: too early or too many, and all that is the server's own trouble. */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Whether there is a file, and its size where there is. */
export interface Head {
  readonly status: number;
  readonly bytes: number | undefined;
}

/** What a server sent: the range that was asked for, or all of the file instead. */
export interface Sent {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly isWhole: boolean;
}

type Bytes = AsyncIterable<Uint8Array<ArrayBuffer>>;
type Ask = { readonly method?: "HEAD"; readonly headers?: Readonly<Record<string, string>> };

/** A file at an address. `hint` is the way out when it can't be had. */
export class Download {
  readonly #address: string;
  readonly #hint: string;
  readonly #patience: Patience;
  /** The file's size as the server told it first. */
  #total: number | undefined;

  constructor(address: string, hint: string, patience: Patience = PATIENCE) {
    this.#address = address;
    this.#hint = hint;
    this.#patience = patience;
  }

  /** What its header alone says. */
  head(): Promise<Head> {
    return this.#persist((got) =>
      this.#ask({ method: "HEAD" }, got, async ({ ok, status, headers }) => {
        if (!ok) return { status, bytes: undefined };
        const length = headers.get("content-length") ?? "";
        if (!/^\d{1,15}$/.test(length)) throw this.#refusal("the server does not say how long it is");
        return { status, bytes: Number(length) };
      }),
    );
  }

  /** All of it, where that is no more than `most` bytes. */
  whole(most: number = MOST_FILE_BYTES): Promise<Uint8Array<ArrayBuffer>> {
    return this.#persist((got) => {
      got.bytes = 0;
      return this.#ask({}, got, async (response, body) => {
        if (response.status !== OK) throw this.#refusal(`the server answers ${response.status}`);
        return this.#collect(response, body, most, got);
      });
    });
  }

  /** `length` bytes from `offset` on; or all, of at most `most` bytes, from a server that answers no ranges. */
  range(offset: number, length: number, most: number): Promise<Sent> {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    const last = offset + length - 1;
    return this.#persist((got) => {
      const start = offset + got.bytes;
      return this.#ask({ headers: { Range: `bytes=${start}-${last}` } }, got, async (response, body) => {
        if (response.status === OK) {
          got.bytes = 0;
          return { bytes: await this.#collect(response, body, most, got), isWhole: true };
        }
        if (response.status === BEYOND_END) throw this.#ends(last + 1);
        if (response.status !== PARTIAL) throw this.#refusal(`the server answers ${response.status}`);
        const end = this.#checkRange(response, start, last);
        for await (const part of body) {
          if (got.bytes + part.length > length)
            throw this.#refusal(`bytes ${start}-${last} were asked for, but the server sends more than that`);
          got.bytes += part.length;
          parts.push(part);
        }
        if (got.bytes === length) return { bytes: concatenate(parts, length), isWhole: false };
        if (offset + got.bytes === this.#total) throw this.#ends(last + 1);
        throw new Error(`of bytes ${start}-${end ?? last} came ${offset + got.bytes - start}`);
      });
    });
  }

  /** Checks what a range is said to be, where the server says it to us; the last byte that it promises. */
  #checkRange({ headers }: Response, start: number, last: number): number | undefined {
    const encoding = headers.get("content-encoding") ?? "identity";
    if (encoding !== "identity") throw this.#refusal(`is sent as ${encoding}, but a range is one of the file as it is`);
    // A server elsewhere than the page's may keep it from us.
    const said = headers.get("content-range");
    if (said === null) return undefined;
    const [, from, to, total] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(said) ?? [];
    if (from === undefined || Number(from) !== start || Number(to) > last || Number(to) < start)
      throw this.#refusal(`bytes ${start}-${last} were asked for, but the server sends ${said.slice(0, 80)}`);
    if (total !== "*") {
      this.#total ??= Number(total);
      if (this.#total !== Number(total))
        throw this.#refusal(`had ${this.#total} bytes, but now has ${total}: it was changed while it was read`);
    }
    return Number(to);
  }

  async #collect({ headers }: Response, body: Bytes, most: number, got: Progress): Promise<Uint8Array<ArrayBuffer>> {
    const tooMuch = (bytes: string) => this.#refusal(`has ${bytes} bytes, but at most ${most} are read at once`);
    const said = headers.get("content-encoding") === null ? headers.get("content-length") : null;
    if (said !== null && Number(said) > most) throw tooMuch(said);
    const parts: Uint8Array<ArrayBuffer>[] = [];
    for await (const part of body) {
      got.bytes += part.length;
      if (got.bytes > most) throw tooMuch(`more than ${most}`);
      parts.push(part);
    }
    if (said !== null && Number(said) !== got.bytes) throw new Error(`of ${said} bytes came ${got.bytes}`);
    return concatenate(parts, got.bytes);
  }

  /** One request. What is left of the answer when `use` has ended is not waited for. */
  async #ask<T>(ask: Ask, got: Progress, use: (response: Response, body: Bytes) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const wait = (): void => {
      clearTimeout(timer);
      const { idleMs, tries } = this.#patience;
      const left = got.began + tries * idleMs + got.most - performance.now();
      timer = setTimeout(() => controller.abort(new Error(`${idleMs} ms brought nothing`)), Math.min(idleMs, left));
    };
    wait();
    try {
      const response = await fetch(this.#address, { ...ask, signal: controller.signal });
      if (PASSING.has(response.status)) throw new Passing(`the server answers ${response.status}`);
      return await use(response, bytesOf(response, wait));
    } finally {
      clearTimeout(timer);
      controller.abort();
    }
  }

  /** Tries once more where an attempt ends otherwise than by a refusal of ours. */
  async #persist<T>(attempt: (got: Progress) => Promise<T>): Promise<T> {
    const got = new Progress();
    const { tries, idleMs, backoffMs } = this.#patience;
    for (let fruitless = 1; ; fruitless++) {
      const before = got.most;
      try {
        return await attempt(got);
      } catch (error) {
        if (error instanceof RuntimeError) throw error;
        if (got.most > before) fruitless = 1;
        const isLate = performance.now() > got.began + tries * idleMs + got.most;
        if (fruitless >= tries || isLate) throw this.#refusal(`${reasonOf(error)} (${fruitless} tries)`);
        await new Promise((resolve) => setTimeout(resolve, backoffMs * 2 ** (fruitless - 1)));
      }
    }
  }

  #refusal(facts: string): RuntimeError {
    return fileError(this.#address, facts, this.#hint);
  }

  #ends(byte: number): RuntimeError {
    return fileError(this.#address, `ends before byte ${byte}`, "upload it again");
  }
}

/** How much came of what is downloaded. */
class Progress {
  readonly began = performance.now();
  /** The most that came so far, also in a try that had to begin anew. */
  most = 0;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }
  set bytes(bytes: number) {
    this.#bytes = bytes;
    this.most = Math.max(this.most, bytes);
  }
}

/** An answer that says no for now. */
class Passing extends Error {}

async function* bytesOf({ body }: Response, heard: () => void): Bytes {
  heard();
  const reader = body?.getReader();
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done) return;
    heard();
    yield value;
  }
}

/** Why it came to nothing: `fetch` has the reason behind its error. */
function reasonOf(error: unknown): string {
  if (error instanceof Passing) return error.message;
  const { message, cause } = error instanceof Error ? error : { message: String(error), cause: undefined };
  const { message: inner, code } = (cause ?? {}) as { readonly message?: unknown; readonly code?: unknown };
  return `can't be fetched: ${[inner, code, message].find((x) => typeof x === "string" && x !== "")}`;
}

function concatenate(parts: readonly Uint8Array<ArrayBuffer>[], length: number): Uint8Array<ArrayBuffer> {
  const [only, ...more] = parts;
  if (only && more.length === 0) return only;
  const whole = new Uint8Array(length);
  let end = 0;
  for (const part of parts) {
    whole.set(part, end);
    end += part.length;
  }
  return whole;
}
