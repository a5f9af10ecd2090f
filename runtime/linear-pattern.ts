// Regular expressions of files from outside. JavaScript's engine needs 2ⁿ steps for (a+)+$ on n letters; RE2's, for one match, a
// number that is proportional to the text. It is loaded where a file needs it only.
import { shortJson } from "../base/index.ts";
import { fileError, type RuntimeError } from "./errors.ts";
import { toRe2 } from "./linear-syntax.ts";

/** Of RE2's program for an expression, in instructions. The work for a character of text is proportional to it. */
const MOST_INSTRUCTIONS = 2000;
const MOST_LENGTH = 10_000;
/** For all matches in a text: each may look at all that is left of it, so that together they may take its square. */
const MOST_MS = 5000;

/** The way out where there is no such expression. */
const OTHER_WORDS = "wgpt runs the expressions of well-known tokenizers, and of others those without lookaround";

/** What compiles expressions, in RE2's dialect, to programs that need linear time for a match. */
export interface RegexEngine {
  /** Throws for an expression that it can't have. */
  compile(pattern: string): RegexProgram;
}

/** A compiled expression. */
export interface RegexProgram {
  /** Its size in instructions. */
  programSize(): number;
  /** Its matches in a text. */
  matcher(text: string): RegexMatcher;
}

/** Goes from match to match. */
export interface RegexMatcher {
  /** Goes to the next; false where there is none. */
  find(): boolean;
  /** Where the match begins, in UTF-16 units. */
  start(): number;
  /** Where it ends. */
  end(): number;
}

/** The engine, loaded at the first call. */
export const loadRegexEngine = async (): Promise<RegexEngine> => (await import("re2js")).RE2JS;

type Match = string[] & { index: number };

/** Stands in a RegExp's place: the methods of String ask for what they need by these symbols. */
export class LinearPattern {
  /** Without it, `matchAll` and `replaceAll` refuse. */
  readonly flags = "g";
  readonly #place: string;
  readonly #source: string;
  readonly #compiled: RegexProgram;

  private constructor(place: string, source: string, compiled: RegexProgram) {
    this.#place = place;
    this.#source = source;
    this.#compiled = compiled;
  }

  /**
   * An expression in Oniguruma's dialect. `wayOut` is what is said where there is no such one.
   * @throws RuntimeError for one that RE2 can't have, or that is too large, and where there is no engine.
   */
  static compile(place: string, source: string, engine: RegexEngine | undefined, wayOut = OTHER_WORDS): LinearPattern {
    const refuse = (why: string, hint = wayOut): RuntimeError =>
      fileError(place, `its pattern ${shortJson(source)} can't be run in linear time: ${why}`, hint);
    if (!engine)
      throw refuse("that takes an engine, but none is given", "give createTokenizer `await regexEngineFor(json)`");
    if (source.length > MOST_LENGTH)
      throw refuse(`it has ${source.length} characters, but at most ${MOST_LENGTH} are read`);
    let compiled: RegexProgram;
    try {
      compiled = engine.compile(toRe2(source));
    } catch (error) {
      throw refuse(shortJson(error instanceof Error ? error.message : String(error), 200));
    }
    const size = compiled.programSize();
    if (size > MOST_INSTRUCTIONS)
      throw refuse(`it takes ${size} instructions, but at most ${MOST_INSTRUCTIONS} are run`);
    return new LinearPattern(place, source, compiled);
  }

  *[Symbol.matchAll](text: string): Generator<Match> {
    const matcher = this.#compiled.matcher(text);
    const began = performance.now();
    while (matcher.find()) {
      yield Object.assign([text.slice(matcher.start(), matcher.end())], { index: matcher.start() });
      if (performance.now() - began > MOST_MS)
        throw fileError(
          this.#place,
          `its pattern ${shortJson(this.#source)} takes more than ${MOST_MS / 1000} s for a text of ${text.length} characters`,
          "give a shorter text, or token ids in its place",
        );
    }
  }

  [Symbol.match](text: string): string[] | null {
    const found = [...this[Symbol.matchAll](text)].map(([match = ""]) => match);
    return found.length === 0 ? null : found;
  }

  [Symbol.split](text: string): string[] {
    const parts: string[] = [];
    let end = 0;
    for (const { 0: match = "", index } of this[Symbol.matchAll](text)) {
      parts.push(text.slice(end, index));
      end = index + match.length;
    }
    return [...parts, text.slice(end)];
  }

  /** The replacement is taken as it is, whatever `$` it has. */
  [Symbol.replace](text: string, replacement: string): string {
    return this[Symbol.split](text).join(replacement);
  }
}
