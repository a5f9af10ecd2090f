// Words, numbers and punctuation of the IR's text, with places for error messages.
import { CompileError, WgptError } from "./errors.ts";
import type { DType } from "./type.ts";

interface Token {
  readonly kind: "word" | "number" | "punct" | "end";
  readonly text: string;
  readonly offset: number;
}

const PATTERN =
  /(?<skip>\s+|#[^\n]*)|(?<number>-?(?:(?:inf|nan)h?|\d+(?:\.\d*)?(?:e[+-]?\d+)?[uh]?)(?![\w.])|-?\d+(?=[A-Z]\b))|(?<word>[A-Za-z_][\w.]*)|(?<punct>>=|[(){}[\],:=+*-])/y;

/** Words, numbers and marks of a text. The graph of GPT-2 XL has some ten thousand. */
const MOST_TOKENS = 2 ** 22;

export function lex(text: string): Lexer {
  const tokens: Token[] = [];
  PATTERN.lastIndex = 0;
  while (PATTERN.lastIndex < text.length) {
    const offset = PATTERN.lastIndex;
    const found = PATTERN.exec(text);
    const groups = found?.groups;
    if (!groups) throw problem(text, offset, `unexpected ${JSON.stringify(text[offset])}`);
    for (const kind of ["number", "word", "punct"] as const) {
      const token = groups[kind];
      if (token !== undefined) tokens.push({ kind, text: token, offset });
    }
    if (tokens.length > MOST_TOKENS)
      throw problem(text, offset, `the text has more than ${MOST_TOKENS} words and marks`);
  }
  tokens.push({ kind: "end", text: "the end", offset: text.length });
  return new Lexer(text, tokens);
}

function problem(text: string, offset: number, facts: string, hint?: string): CompileError {
  const column = offset - (offset === 0 ? -1 : text.lastIndexOf("\n", offset - 1));
  return new CompileError(`line ${lineAt(text, offset)}, column ${column}`, facts, hint);
}

/** Counts from 1. */
function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < offset; at = text.indexOf("\n", at + 1)) line++;
  return line;
}

/** Bodies in bodies, and recipes in recipes: a text that is nested without an end would take the stack. */
const MOST_NESTED = 64;

export class Lexer {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(text: string, tokens: readonly Token[]) {
    this.#text = text;
    this.#tokens = tokens;
  }

  peek(text: string, ahead = 0): boolean {
    const token = this.#at(ahead);
    return token.kind !== "number" && token.kind !== "end" && token.text === text;
  }
  peekName(): string | undefined {
    const token = this.#at(0);
    return token.kind === "word" ? token.text : undefined;
  }
  peekNegative(): boolean {
    const token = this.#at(0);
    return token.kind === "number" && token.text.startsWith("-");
  }
  take(text: string): boolean {
    const found = this.peek(text);
    if (found) this.#next++;
    return found;
  }
  punct(text: string): void {
    if (!this.take(text)) this.fail(`expected ${text}, found ${this.#at(0).text}`);
  }
  word(text: string): void {
    this.punct(text);
  }
  name(): string {
    const token = this.#at(0);
    if (token.kind !== "word") return this.fail(`expected a name, found ${token.text}`);
    this.#next++;
    return token.text;
  }
  /** A number's value, and the dtype that its spelling tells. */
  takeNumber(): { readonly value: number; readonly dtype: DType } | undefined {
    const token = this.#at(0);
    if (token.kind !== "number") return undefined;
    this.#next++;
    const { text } = token;
    const digits = text.replace(/[uh]$/, "");
    const value = digits.endsWith("inf")
      ? (text.startsWith("-") ? -1 : 1) * Number.POSITIVE_INFINITY
      : digits.endsWith("nan")
        ? Number.NaN
        : Number(digits);
    const dtype = text.endsWith("u") ? "u32" : text.endsWith("h") ? "f16" : /[.en]/.test(digits) ? "f32" : "i32";
    return { value, dtype };
  }
  listUntil<X>(close: string, item: () => X): X[] {
    const items: X[] = [];
    if (this.take(close)) return items;
    do items.push(item());
    while (this.take(","));
    // A block's `return` list ends where its brace closes.
    this.punct(close);
    return items;
  }
  /** Reads what stands within something of its own kind. */
  nested<X>(read: () => X): X {
    if (this.#depth === MOST_NESTED) this.fail(`is nested more than ${MOST_NESTED} deep`);
    this.#depth++;
    const made = read();
    this.#depth--;
    return made;
  }
  get atEnd(): boolean {
    return this.#at(0).kind === "end";
  }
  end(): void {
    if (!this.atEnd) this.fail(`expected the end, found ${this.#at(0).text}`);
  }
  /** The next token's text, and where it stands, for messages. */
  get found(): string {
    return this.#at(0).text;
  }
  get place(): number {
    return this.#at(0).offset;
  }
  fail(facts: string, hint?: string, place = this.place): never {
    throw problem(this.#text, place, facts, hint);
  }
  /** Runs `make`; a compile error inside gets this line in front. */
  locate<X>(make: () => X): X {
    try {
      return make();
    } catch (error) {
      if (error instanceof WgptError) {
        const line = lineAt(this.#text, this.#at(-1).offset);
        throw new CompileError(`line ${line}, ${error.place}`, error.facts, error.hint);
      }
      throw error;
    }
  }

  #at(ahead: number): Token {
    return (
      this.#tokens[Math.min(this.#next + ahead, this.#tokens.length - 1)] ?? {
        kind: "end",
        text: "the end",
        offset: this.#text.length,
      }
    );
  }
}
