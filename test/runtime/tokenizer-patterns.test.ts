// The regular expressions of tokenizers: the known ones run as they are, others in linear time or not at all.
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { KNOWN_PATTERNS, WORDS } from "../../runtime/known-patterns.ts";
import { LinearPattern, loadRegexEngine } from "../../runtime/linear-pattern.ts";
import { createTokenizer } from "../../runtime/tokenizer.ts";
import { BYTE_CHARACTERS } from "../../runtime/tokenizer-bytes.ts";
import { regexEngineFor } from "../../runtime/tokenizer-patterns.ts";

const test = suite("tokenizer patterns");

const VOCAB = Object.fromEntries(BYTE_CHARACTERS.map((c, i) => [c, i]));
const BYTES = { type: "ByteLevel", add_prefix_space: false, use_regex: false };
const split = (Regex: unknown) => ({ type: "Split", pattern: { Regex }, behavior: "Isolated", invert: false });
const jsonWith = (change: object, merges: readonly string[] = []) => ({
  model: { type: "BPE", vocab: { ...VOCAB, aa: 256, Ġa: 257 }, merges },
  decoder: { type: "ByteLevel" },
  ...change,
});
const cutBy = (Regex: unknown) =>
  jsonWith({ pre_tokenizer: { type: "Sequence", pretokenizers: [split(Regex), BYTES] } }, ["a a"]);
const tokenizer = async (json: object) => createTokenizer("t.json", json, undefined, await regexEngineFor(json));

/** What makes an engine that goes back and tries again do so: long runs of one kind. */
const N = 10_000;
const RUNS = ["a", "A", " ", "\n ", "1", "!", "汉", "'", "\u0301", "Aa", "\t", "(", "'s"].flatMap((unit) => [
  unit.repeat(N / unit.length),
  `${unit.repeat(N / unit.length)}x`,
  `${unit.repeat(N / unit.length)}!`,
]);

async function encodesInTime(Regex: string): Promise<void> {
  const { encode, decode } = await tokenizer(cutBy(Regex));
  for (const text of RUNS) {
    const began = performance.now();
    assert.is(decode(encode(text)), text, Regex);
    const ms = performance.now() - began;
    assert.ok(ms < 1000, `${Regex} on ${JSON.stringify(text.slice(0, 4))}… takes ${ms} ms`);
  }
}

test("the known ones need no engine, and none of them hangs", async () => {
  for (const pattern of KNOWN_PATTERNS) {
    assert.is(await regexEngineFor(cutBy(pattern)), undefined);
    await encodesInTime(pattern);
  }
});

test("others do not hang either, whatever JavaScript's engine would do", async () => {
  for (const pattern of ["(a+)+$", "(a|a)*b", "(?:a?){30}a{30}", "(\\s+)+!", "(?i)(a|aa)+$", "^(\\w+\\s?)*$"])
    await encodesInTime(pattern);
});

test("cut as JavaScript's engine cuts, where the dialects agree", async () => {
  const engine = await loadRegexEngine();
  const space = "\\p{White_Space}";
  const word = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";
  const pairs: readonly (readonly [ours: string, theirs: RegExp])[] = [
    ["\\s+", new RegExp(`${space}+`, "gu")],
    [
      " ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+",
      new RegExp(` ?\\p{L}+| ?\\p{N}+| ?[^${space}\\p{L}\\p{N}]+|${space}+`, "gu"),
    ],
    ["\\w+|\\W", new RegExp(`[${word}]+|[^${word}]`, "gu")],
    ["[\\w']+|[\\d,]{1,3}|\\S+?x", new RegExp(`[${word}']+|[\\p{Nd},]{1,3}|\\P{White_Space}+?x`, "gu")],
    ["^a|b$|\\n", /(?:^|(?<=\n))a|b(?=\n|$)|\n/gu],
    ["[^]a]+|[]]|a{2}|\\u0061", /[^\]a]+|\]|a{2}|a/gu],
    ["(?i:ab)|\\h+|\\x{41}|[一-龥]+|\\.", /[aA][bB]|[0-9A-Fa-f]+|\u{41}|[一-龥]+|\./gu],
    ["x*", /x*/gu],
  ];
  const alphabet = [..."ab ABx1٣,'\n\t\u0085\ufeff.!]汉é\u0301_", "𝔘", "ab", "b\n"];
  for (const [ours, theirs] of pairs) {
    const pattern = LinearPattern.compile("t", ours, engine);
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...alphabet), { maxLength: 30 }), (letters) => {
        const text = letters.join("");
        const cut = (by: RegExp) => [...text.matchAll(by)].map((m) => [m.index, m[0]]);
        assert.equal(cut(pattern as unknown as RegExp), cut(theirs), `${ours} on ${JSON.stringify(text)}`);
      }),
      { seed: 1, numRuns: 300 },
    );
  }
});

test("stand wherever a file has them: in sequences, in a normalizer, inverted and removed", async () => {
  const ids = async (json: object, text: string) =>
    (await tokenizer(json)).decode((await tokenizer(json)).encode(text));
  const replace = { type: "Replace", pattern: { Regex: " {2,}" }, content: "$&" };
  assert.is(await ids(jsonWith({ normalizer: replace, pre_tokenizer: BYTES }), "a   a a"), "a$&a a");
  const nested = { type: "Sequence", normalizers: [{ type: "NFC" }, { type: "Sequence", normalizers: [replace] }] };
  assert.is(await ids(jsonWith({ normalizer: nested, pre_tokenizer: BYTES }), "e\u0301  a"), "é$&a");
  const cut = (change: object) => ({
    ...jsonWith({ pre_tokenizer: { type: "Sequence", pretokenizers: [{ ...split("b+"), ...change }, BYTES] } }, [
      "a a",
    ]),
  });
  assert.is(await ids(cut({ behavior: "Removed" }), "aabba"), "aaa");
  assert.is(await ids(cut({ invert: true }), "aabba"), "bb");
  assert.equal((await tokenizer(cut({}))).encode("aaba"), [256, VOCAB["b"], VOCAB["a"]]);
});

test("what can't be run in linear time is refused, with the part that can't", async () => {
  const refuses = async (Regex: unknown, why: RegExp): Promise<void> => {
    const error: unknown = await tokenizer(cutBy(Regex)).catch((e: unknown) => e);
    assert.match(String(error), /^RuntimeError: t\.json: its pattern /);
    assert.match(String(error), why);
  };
  await refuses(
    "a(?!b)",
    /"a\(\?!b\)" can't be run in linear time: "\(\?!b"\nhint: wgpt runs the expressions of well-known/,
  );
  for (const part of [
    "(?<=a)b",
    "(?<!a)b",
    "(?=a)",
    "(?>a)",
    "(a)\\1",
    "\\bword",
    "a++",
    "[a[bc]]",
    "[a&&b]",
    "\\Z",
    "a{,3}",
  ])
    await refuses(part, /can't be run in linear time/);
  for (const part of [
    "a(?i)b|c",
    "(?m:.)",
    "a{2}?",
    "\\K",
    "[\\W]",
    "[[:alpha:]]",
    "(",
    "[a",
    "\\",
    "\\p{Nothing}",
    "*",
  ])
    await refuses(part, /can't be run in linear time/);
  await refuses("(?:a{1000}){1000}", /can't be run in linear time/);
  await refuses("\\p{L}{1000}\\p{N}{1000}", /it takes 200\d instructions, but at most 2000/);
  await refuses("a".repeat(10_001), /it has 10001 characters, but at most 10000/);
  await refuses({ toString: 1 }, /its pattern \{"toString":1\} must be a text/);
  assert.throws(
    () => createTokenizer("t.json", cutBy("a+b")),
    /takes an engine, but none is given\nhint: .*regexEngineFor/,
  );
});

test("one that takes the square of a text's length ends in time, and says so", async () => {
  const { encode } = await tokenizer(cutBy("a*b|a"));
  const began = performance.now();
  assert.throws(() => encode("a".repeat(200_000)), /"a\*b\|a" takes more than 5 s for a text of 200000 characters/);
  assert.ok(performance.now() - began < 10_000);
});

test("GPT-2's own is what ByteLevel cuts by", async () => {
  const text = "I'll say: \u0085 x\u00a0 12 34!!  \n\n don't";
  const byteLevel = await tokenizer(jsonWith({ pre_tokenizer: { ...BYTES, use_regex: true } }, ["Ġ a"]));
  assert.equal((await tokenizer(cutBy(WORDS))).encode(text).length, byteLevel.encode(text).length);
});

test.run();
