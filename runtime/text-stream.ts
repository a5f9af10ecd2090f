// Text as it grows, token by token. A token need not be whole characters, and a stop string need not be whole tokens,
// so both classes here hold back what the next token could still change, and nothing more.

import { RuntimeError } from "./errors.ts";
import type { Tokenizer } from "./tokenizer.ts";

/**
 * Decodes one sequence as it grows. All pushes and the end together are exactly what `decode` gives for all ids:
 * a character that spans tokens appears when its last byte does, and bytes that are not UTF-8 become U+FFFD.
 */
export class TextStream {
  readonly #tokenizer: Pick<Tokenizer, "tokenBytes">;
  // `stream: true` keeps an unfinished character for the next call; a BOM is text like any other.
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  /** The last bytes, as many as an unfinished character can have. */
  #tail: readonly number[] = [];

  constructor(tokenizer: Pick<Tokenizer, "tokenBytes">) {
    this.#tokenizer = tokenizer;
  }

  /** The text that `id` completes: empty while a character is unfinished. */
  push(id: number): string {
    const bytes = this.#tokenizer.tokenBytes(id);
    this.#tail = [...this.#tail, ...bytes.slice(-3)].slice(-3);
    return this.#decoder.decode(bytes, { stream: true });
  }

  /** Whether a character is unfinished, so that the next push or the end has its text. */
  get isHolding(): boolean {
    const lead = this.#tail.findLastIndex((byte) => (byte & 0xc0) !== 0x80);
    const byte = this.#tail[lead] ?? 0;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > this.#tail.length - lead;
  }

  /** What is left of an unfinished character, as U+FFFD. Afterwards the stream begins anew. */
  end(): string {
    this.#tail = [];
    return this.#decoder.decode();
  }
}

/**
 * Lets text through up to the first stop string. The first is the one that ends first; of several that end together
 * the longest, so that the cut does not depend on how the text was pieced. Text that may be the beginning of a stop
 * string is held back until it is decided.
 */
export class StopMatcher {
  readonly #stops: readonly string[];
  #held = "";
  #matched: string | undefined;

  /** @throws RuntimeError for an empty stop string: it would match before any text. */
  constructor(stops: readonly string[]) {
    if (stops.includes(""))
      throw new RuntimeError("stop strings", "one is empty, but a stop string must have a character", "leave it out");
    this.#stops = stops;
  }

  /** The stop string at which the text was cut; undefined while none has appeared. */
  get matched(): string | undefined {
    return this.#matched;
  }

  /** Whether text is held back. */
  get isHolding(): boolean {
    return this.#held !== "";
  }

  /** The part of the text that is now certain to come before any stop string. */
  push(text: string): string {
    if (this.#matched !== undefined) return "";
    const pending = this.#held + text;
    const cut = this.#findFirst(pending);
    const certain = cut ?? pending.length - this.#countUndecided(pending);
    this.#held = cut === undefined ? pending.slice(certain) : "";
    return pending.slice(0, certain);
  }

  /** The text is over: what was held back, since no stop string came of it. */
  end(): string {
    const rest = this.#held;
    this.#held = "";
    return rest;
  }

  /** Where the first stop string in `text` begins; remembers which one it is. */
  #findFirst(text: string): number | undefined {
    let cut: number | undefined;
    let end = Number.POSITIVE_INFINITY;
    for (const stop of this.#stops) {
      const start = text.indexOf(stop);
      if (start < 0) continue;
      const endsEarlier = start + stop.length < end;
      const isLonger = start + stop.length === end && cut !== undefined && start < cut;
      if (!endsEarlier && !isLonger) continue;
      cut = start;
      end = start + stop.length;
      this.#matched = stop;
    }
    return cut;
  }

  /** The length of the longest end of `text` with which some stop string begins. None is in `text` as a whole. */
  #countUndecided(text: string): number {
    const longest = Math.max(0, ...this.#stops.map((stop) => stop.length - 1));
    for (let n = Math.min(longest, text.length); n > 0; n--)
      if (this.#stops.some((stop) => stop.startsWith(text.slice(-n)))) return n;
    return 0;
  }
}
