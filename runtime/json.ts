// JSON from outside, read with bounds. `JSON.parse` makes 5 GB of 100 MB of brackets, and an object that is nested deeper than the
// stack ends whatever walks it; so the text is looked through before anything is made of it.

/** How deep objects and lists may lie in each other. */
export const MOST_NESTED = 200;
/** How many values a text may hold. Of the files that are read, a tokenizer's has the most: two million for the largest. */
export const MOST_VALUES = 4_000_000;
/** How many keys the outermost object of `parseJsonKeys` may have: tensors of a file, of which the largest models have 100 000. */
export const MOST_KEYS = 200_000;

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/** What a text of JSON was parsed to. */
export interface ParsedJson {
  readonly json: unknown;
  /** The first key that the outermost object has twice; `JSON.parse` keeps the last without a word. */
  readonly twice: string | undefined;
}

/**
 * Parses a text of JSON.
 * @throws SyntaxError for a text that is none, is nested deeper than `MOST_NESTED`, or holds more values than `MOST_VALUES`.
 */
export const parseJson = (text: string): unknown => {
  scan(text);
  return parse(text);
};

/** The reason on one line: it quotes the text. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new SyntaxError(error instanceof Error ? error.message.replaceAll(/\p{Cc}/gu, " ") : String(error));
  }
}

/**
 * The same, with what `JSON.parse` does not tell.
 * @throws SyntaxError as `parseJson`, and for more keys than `MOST_KEYS`.
 */
export function parseJsonKeys(text: string): ParsedJson {
  const keys = scan(text);
  if (keys.length > MOST_KEYS) throw new SyntaxError(`it has more than ${MOST_KEYS} keys`);
  const json = parse(text);
  // The text is JSON, so each of them is a string in quotes.
  const seen = new Set<string>();
  for (const [start, end] of keys) {
    const key = String(JSON.parse(text.slice(start, end)));
    if (seen.has(key)) return { json, twice: key };
    seen.add(key);
  }
  return { json, twice: undefined };
}

/** Counts, and gives where the keys of the outermost object lie in the text, quotes included. */
function scan(text: string): readonly (readonly [start: number, end: number])[] {
  const keys: (readonly [number, number])[] = [];
  let [depth, values] = [0, 1];
  let [start, end] = [0, 0];
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) {
      start = i;
      i = endOfString(text, i);
      end = i + 1;
    } else if (c === OPEN_LIST || c === OPEN_OBJECT) {
      values++;
      if (++depth > MOST_NESTED) throw new SyntaxError(`it is nested more than ${MOST_NESTED} deep`);
    } else if (c === CLOSE_LIST || c === CLOSE_OBJECT) depth--;
    else if (c === COMMA) values++;
    else if (c === COLON && depth === 1) keys.push([start, end]);
    if (values > MOST_VALUES) throw new SyntaxError(`it holds more than ${MOST_VALUES} values`);
  }
  return keys;
}

/** Where the quote stands that ends the string which begins at `start`. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === BACKSLASH) i++;
    else if (c === QUOTE) return i;
  }
  return text.length;
}
