// Regular expressions of well-known tokenizers, as their files have them. JavaScript's own engine runs these: it goes back and
// tries again, but in none of them more often than a text is long. Most need it, for they look ahead.

/** How GPT-2 cuts text into words before BPE (openai/gpt-2 src/encoder.py). */
export const WORDS = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;

/** What most of them end in, after their own words. */
const SPACES = String.raw`\s*[\r\n]+|\s+(?!\S)|\s+`;
const SIGNS = String.raw`| ?[^\s\p{L}\p{N}]+[\r\n]*|${SPACES}`;
const LETTERS = String.raw`[^\r\n\p{L}\p{N}]?\p{L}+`;
const [UPPER, LOWER] = [String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`, String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`];
const ENDINGS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
/** The same, as some files spell it. */
const SPELLED = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])";
const CASED = String.raw`[^\r\n\p{L}\p{N}]?${UPPER}*${LOWER}+`;
const CAPITALS = String.raw`[^\r\n\p{L}\p{N}]?${UPPER}+${LOWER}*`;
const SIGNS_AND_SLASHES = String.raw` ?[^\s\p{L}\p{N}]+[\r\n/]*|${SPACES}`;

export const KNOWN_PATTERNS: ReadonlySet<string> = new Set([
  WORDS,
  // With digits one by one, or up to three (GPT-4's cl100k_base, Llama 3, Qwen 2).
  ...[ENDINGS, SPELLED].flatMap((endings) =>
    [String.raw`\p{N}`, String.raw`\p{N}{1,3}`].map((digits) => `${endings}|${LETTERS}|${digits}${SIGNS}`),
  ),
  // GPT-4o's o200k_base.
  ...[`${ENDINGS}?`, `${SPELLED}?`, ""].flatMap((endings) =>
    [String.raw`\p{N}`, String.raw`\p{N}{1,3}`].map(
      (digits) => `${CASED}${endings}|${CAPITALS}${endings}|${digits}|${SIGNS_AND_SLASHES}`,
    ),
  ),
  // DeepSeek V3.
  String.raw`[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_${"`"}{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|${SPACES}`,
  // BLOOM, with a class in a class.
  " ?[^(\\s|[.,!?…。，、।۔،])]+",
]);
