// The tokens of a module with what every reader of them asks: what stands at a place, which bracket closes another, where
// something is refused.
import { CompileError } from "../../ir/index.ts";
import { lineOf, type Token, tokenize } from "./tokens.ts";

const CLOSING: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}", "<": ">" };

/** Places are numbers of tokens; one beyond the last has the empty text. */
export class TokenReader {
  readonly wgsl: string;
  readonly tokens: readonly Token[];

  constructor(wgsl: string) {
    this.wgsl = wgsl;
    this.tokens = tokenize(wgsl);
  }

  text(at: number): string {
    return this.tokens[at]?.text ?? "";
  }

  range(from: number, to: number): { readonly start: number; readonly end: number } {
    return { start: this.tokens[from]?.start ?? 0, end: this.tokens[to - 1]?.end ?? 0 };
  }

  between(from: number, to: number): string {
    const { start, end } = this.range(from, to);
    return this.wgsl.slice(start, end);
  }

  line(at: number): number {
    return lineOf(this.wgsl, this.tokens[at]?.start ?? this.wgsl.length);
  }

  find(text: string, from: number): number {
    let i = from;
    while (i < this.tokens.length && this.text(i) !== text) i++;
    return i;
  }

  /** The ranges of tokens between the commas of an argument list. */
  split(from: number, to: number): readonly (readonly [from: number, to: number])[] {
    const parts: [number, number][] = [];
    let start = from;
    for (let i = from; i <= to; i++) {
      const text = this.text(i);
      if (text === "(" || text === "[") i = this.closing(i);
      else if (i === to || text === ",") {
        parts.push([start, i]);
        start = i + 1;
      }
    }
    return parts;
  }

  /** Whether the sign at a place stands before its operand, as in `&x`, and not between two. */
  isUnary(at: number): boolean {
    const before = this.tokens[at - 1];
    return (
      !before || before.text === "return" || (before.kind === "symbol" && before.text !== ")" && before.text !== "]")
    );
  }

  /** The token that closes what opens at `open`. */
  closing(open: number): number {
    const opening = this.text(open);
    const closing = CLOSING[opening];
    if (closing === undefined) return this.refuse(open, `${opening || "the end"} stands where a bracket should`);
    let depth = 0;
    for (let i = open; i < this.tokens.length; i++) {
      if (this.text(i) === opening) depth++;
      if (this.text(i) === closing && --depth === 0) return i;
    }
    return this.refuse(open, `${opening} is not closed`);
  }

  refuse(at: number, facts: string): never {
    const place = this.tokens[at]?.start ?? this.wgsl.length;
    const line = lineOf(this.wgsl, place);
    throw new CompileError(
      `WGSL line ${line}`,
      `${facts}: ${this.wgsl.split("\n")[line - 1]?.trim() ?? ""}`,
      "write each access to shared memory as variable[index], down to a number or a vector",
    );
  }
}
