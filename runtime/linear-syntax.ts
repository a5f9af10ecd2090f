// The dialect of tokenizers' regular expressions, Oniguruma's, in RE2's words. What RE2 lacks, or takes for something else, is
// refused: a text must be cut as the tokenizer's authors cut it, or not at all.

/** A part of an expression that RE2 can't have. */
export class Unfit extends Error {}

const WORD = String.raw`\p{Alphabetic}\p{M}\p{Nd}\p{Pc}`;
const HEX = "0-9A-Fa-f";
/** What is more than ASCII in that dialect, or not in RE2's, as it stands within a class. */
const IN_CLASS: ReadonlyMap<string, string> = new Map([
  [String.raw`\s`, String.raw`\p{White_Space}`],
  [String.raw`\S`, String.raw`\P{White_Space}`],
  [String.raw`\d`, String.raw`\p{Nd}`],
  [String.raw`\D`, String.raw`\P{Nd}`],
  [String.raw`\w`, WORD],
  [String.raw`\h`, HEX],
  [String.raw`\e`, String.raw`\x1B`],
]);
/** The same elsewhere, where it differs. */
const BY_ITSELF: ReadonlyMap<string, string> = new Map([
  [String.raw`\w`, `[${WORD}]`],
  [String.raw`\W`, `[^${WORD}]`],
  [String.raw`\h`, `[${HEX}]`],
  [String.raw`\H`, `[^${HEX}]`],
  [String.raw`\A`, String.raw`\A`],
  [String.raw`\z`, String.raw`\z`],
  // With the flag m, ^ and $ match at the ends of a line.
  ["^", "(?m:^)"],
  ["$", "(?m:$)"],
]);

const ESCAPE = /\\(?:[pP]\{[^}]*\}|x\{[\dA-Fa-f]+\}|x[\dA-Fa-f]{2}|u[\dA-Fa-f]{4}|[\s\S])/uy;
const SAME_ESCAPE = /^\\(?:[pPx]\{|x|[nrtfva]$)/;
const GROUP = /\(\?(?::|i:|<[A-Za-z_]\w*>)/uy;
const REPEAT = /\{\d+(?:,\d*)?\}(?!\?)/uy;

/**
 * The expression for RE2.
 * @throws Unfit naming the part that it can't have.
 */
export function toRe2(pattern: string): string {
  let out = "";
  for (let i = 0; i < pattern.length; ) {
    const [source, text] = pattern[i] === "[" ? characterClass(pattern, i) : part(pattern, i);
    out += text;
    i += source.length;
  }
  return out;
}

type Part = readonly [source: string, text: string];

/** What stands at `i`, and no class begins there. */
function part(pattern: string, i: number): Part {
  const c = String.fromCodePoint(pattern.codePointAt(i) ?? 0);
  if (c === "\\") return escaped(pattern, i, BY_ITSELF);
  if (pattern.startsWith("(?", i)) {
    // At the front it holds for all of it; elsewhere the dialects differ in how far.
    const found = i === 0 && pattern.startsWith("(?i)") ? "(?i)" : at(GROUP, pattern, i);
    if (found === undefined) throw new Unfit(pattern.slice(i, i + 4));
    return [found, found.replace("(?<", "(?P<")];
  }
  if (c === "{") {
    const found = at(REPEAT, pattern, i);
    if (found === undefined) throw new Unfit(pattern.slice(i, i + 4));
    return [found, found];
  }
  return [c, BY_ITSELF.get(c) ?? c];
}

function characterClass(pattern: string, start: number): Part {
  let i = pattern[start + 1] === "^" ? start + 2 : start + 1;
  let out = pattern.slice(start, i);
  // One that is the first stands for itself.
  if (pattern[i] === "]") {
    out += "\\]";
    i++;
  }
  for (; i < pattern.length && pattern[i] !== "]"; ) {
    if (pattern[i] === "[" || pattern.startsWith("&&", i)) throw new Unfit(`${pattern.slice(i, i + 2)} in a class`);
    const [source, text] = pattern[i] === "\\" ? escaped(pattern, i, IN_CLASS) : [pattern[i] ?? "", pattern[i] ?? ""];
    out += text;
    i += source.length;
  }
  if (i >= pattern.length) throw new Unfit("[ without its end");
  return [pattern.slice(start, i + 1), `${out}]`];
}

function escaped(pattern: string, i: number, meanings: ReadonlyMap<string, string>): Part {
  const found = at(ESCAPE, pattern, i);
  if (found === undefined) throw new Unfit("\\ at the end");
  const meant = meanings.get(found) ?? IN_CLASS.get(found);
  if (meant !== undefined) return [found, meant];
  if (SAME_ESCAPE.test(found)) return [found, found];
  if (/^\\u.{4}$/.test(found)) return [found, `\\x{${found.slice(2)}}`];
  if (/^\\\w/.test(found)) throw new Unfit(found);
  // RE2 has no escape for a character that needs none.
  return [found, /^\\[!-~]$/.test(found) ? found : found.slice(1)];
}

function at(pattern: RegExp, text: string, i: number): string | undefined {
  pattern.lastIndex = i;
  return pattern.exec(text)?.[0];
}
