// Tokens that are found in the text before any BPE: what a file says of one, and how a text is cut at them. As Hugging Face's
// `tokenizers` does it: the leftmost, of those the longest, and those that are not normalized first.

import { fileError } from "./errors.ts";
import { isId, isRecord, quote } from "./json-values.ts";

/** The names of the four flags are the files' own. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Found only where the caller allows special tokens. */
  readonly special: boolean;
  /** Found only where no letter, digit or underscore stands before or after it. */
  readonly single_word: boolean;
  /** Takes the white space before it along. */
  readonly lstrip: boolean;
  /** Takes the white space after it along. */
  readonly rstrip: boolean;
  /** Looked for in the text after its normalization, not before. */
  readonly normalized: boolean;
}

/** Of a content, in UTF-16 units: a text that almost spells it is looked at again from each of its characters. */
const MOST_LENGTH = 1000;

/** @throws RuntimeError for an entry without id or content, a content that is too long, and a flag that is neither true nor false. */
export function readAddedToken(place: string, entry: unknown): AddedToken {
  const { id, content, ...rest } = isRecord(entry) ? entry : {};
  if (!isId(id) || typeof content !== "string" || content === "")
    throw fileError(place, `an added token needs an id and its content, but one is ${quote(entry)}`);
  if (content.length > MOST_LENGTH)
    throw fileError(
      place,
      `the added token ${quote(content)} has ${content.length} characters, but at most ${MOST_LENGTH} are read`,
    );
  const flag = (key: string, fallback: boolean): boolean => {
    const value = rest[key] ?? fallback;
    if (typeof value === "boolean") return value;
    throw fileError(place, `${key} of the added token ${quote(content)} is ${quote(value)}`, "true or false");
  };
  const special = flag("special", false);
  return {
    id,
    content,
    special,
    single_word: flag("single_word", false),
    lstrip: flag("lstrip", false),
    rstrip: flag("rstrip", false),
    normalized: flag("normalized", !special),
  };
}

/** What a text is cut into: stretches of ordinary text, and ids of added tokens. */
export type Piece = string | number;

/** Cuts texts at `tokens`. The stretches of text that come out are normalized, and not empty. */
export function addedTokenSplitter(
  tokens: readonly AddedToken[],
  normalize: (text: string) => string,
): (text: string) => readonly Piece[] {
  const raw = splitter(
    tokens.filter((token) => !token.normalized),
    (content) => content,
  );
  const normalized = splitter(
    tokens.filter((token) => token.normalized),
    normalize,
  );
  return (text) =>
    raw(text)
      .flatMap((piece) => (typeof piece === "string" ? normalized(normalize(piece)) : [piece]))
      .filter((piece) => piece !== "");
}

function splitter(
  tokens: readonly AddedToken[],
  spell: (content: string) => string,
): (text: string) => readonly Piece[] {
  const found = new Map(tokens.map((token) => [spell(token.content), token]));
  found.delete("");
  if (found.size === 0) return (text) => [text];
  const tree = spellingTree(found);
  return (text) => {
    const pieces: Piece[] = [];
    let done = 0;
    for (const { token, at } of matches(tree, text)) {
      let [start, end] = [at.start, at.end];
      if (token.single_word && !standsAlone(text, start, end)) continue;
      if (token.lstrip) while (start > done && isSpace(text, start - 1)) start--;
      if (token.rstrip) while (isSpace(text, end)) end++;
      pieces.push(text.slice(done, start), token.id);
      done = end;
    }
    pieces.push(text.slice(done));
    return pieces;
  };
}

/** Tokens by the characters that spell them, one level for each. */
interface Spelling {
  readonly next: Map<string, Spelling>;
  /** The token that is spelled when this is reached. */
  token: AddedToken | undefined;
}

const newSpelling = (): Spelling => ({ next: new Map(), token: undefined });

function spellingTree(found: ReadonlyMap<string, AddedToken>): Spelling {
  const root = newSpelling();
  for (const [text, token] of found) {
    let spelling = root;
    for (const character of text) {
      const next = spelling.next.get(character) ?? newSpelling();
      spelling.next.set(character, next);
      spelling = next;
    }
    spelling.token = token;
  }
  return root;
}

interface Match {
  readonly token: AddedToken;
  readonly at: { readonly start: number; readonly end: number };
}

/** The leftmost token and of those the longest, then the same behind it. */
function* matches(root: Spelling, text: string): Iterable<Match> {
  for (let start = 0; start < text.length; ) {
    let longest: Match | undefined;
    let [spelling, end] = [root.next.get(characterAt(text, start)), start];
    while (spelling) {
      end += characterAt(text, end).length;
      if (spelling.token) longest = { token: spelling.token, at: { start, end } };
      spelling = end < text.length ? spelling.next.get(characterAt(text, end)) : undefined;
    }
    if (longest) yield longest;
    start = longest?.at.end ?? start + characterAt(text, start).length;
  }
}

const characterAt = (text: string, at: number): string => String.fromCodePoint(text.codePointAt(at) ?? 0);

/** What Unicode's recommendation for regular expressions (UTS 18) calls a word character; JavaScript's `\w` is ASCII's. */
const WORD = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;

function standsAlone(text: string, start: number, end: number): boolean {
  const before = [...text.slice(Math.max(0, start - 2), start)].at(-1) ?? "";
  const after = [...text.slice(end, end + 2)][0] ?? "";
  return !WORD.test(before) && !WORD.test(after);
}

/** Unicode's White_Space; all of it is one unit of UTF-16 each. */
const isSpace = (text: string, at: number): boolean => /\p{White_Space}/u.test(text[at] ?? "");
