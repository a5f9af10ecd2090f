// WGSL text as tokens, each with its place. Comments and white space lie between them and are no tokens.
import { CompileError } from "../../ir/index.ts";

/** A piece of WGSL: its characters are `text`, from `start` up to `end`. */
export interface Token {
  readonly kind: "word" | "number" | "symbol";
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

const BLANK = /(?:\s+|\/\/[^\n]*)*/y;
const WORD = /[A-Za-z_]\w*/y;
const NUMBER = /0[xX][\da-fA-F]+[iu]?|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?[fhiu]?/y;
// `>` always stands alone: it also ends a list of template arguments, where two of them are no shift.
const SYMBOL = /&&|\|\||\+\+|--|->|<<=|<<|[-+*/%&|^=!<]=|[-+*/%&|^=!<>~@()[\]{}.,:;]/y;

/** @throws CompileError for a character that begins no token of WGSL, and for a block comment. */
export function tokenize(wgsl: string): readonly Token[] {
  const tokens: Token[] = [];
  let place = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = place;
    return pattern.exec(wgsl)?.[0];
  };
  for (;;) {
    place += take(BLANK)?.length ?? 0;
    if (place >= wgsl.length) return tokens;
    const [kind, text] = ((): readonly [Token["kind"], string | undefined] => {
      const word = take(WORD);
      if (word !== undefined) return ["word", word];
      const number = take(NUMBER);
      return number !== undefined ? ["number", number] : ["symbol", take(SYMBOL)];
    })();
    const start = place;
    if (text === undefined || wgsl.startsWith("/*", place))
      throw new CompileError(
        `WGSL line ${lineOf(wgsl, place)}`,
        `${JSON.stringify(wgsl.slice(place, place + 2).trim())} begins nothing that is understood`,
      );
    place += text.length;
    tokens.push({ kind, text, start, end: place });
  }
}

/** The line of a place in a text, from 1 on. */
export const lineOf = (text: string, place: number): number => text.slice(0, place).split("\n").length;
