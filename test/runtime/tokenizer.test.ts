import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createTokenizer, type Tokenizer } from "../../runtime/tokenizer.ts";
import { BYTE_CHARACTERS, bytesOfToken } from "../../runtime/tokenizer-bytes.ts";
import { gpt2TokenizerJson } from "../../runtime/tokenizer-json.ts";
import { shared } from "../support/shared.ts";
import { skipUnless } from "../support/skip.ts";

const test = suite("tokenizer");

const read = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`../../models/shakespeare/${name}`, import.meta.url)), "utf8");
const shakespeare = createTokenizer("shakespeare", JSON.parse(read("tokenizer.json")));
const END = "<|endoftext|>";

/** All 256 bytes, these merges, and `<|endoftext|>` last. */
function tiny(merges: readonly string[], change: (json: Record<string, unknown>) => void = () => {}): Tokenizer {
  const tokens = [...BYTE_CHARACTERS, ...merges.map((merge) => merge.replace(" ", "")), END];
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const json = gpt2TokenizerJson(vocab, ["#version: 0.2", ...merges, ""].join("\n"));
  change(json);
  return createTokenizer("tiny", json);
}
const byte = (text: string): number => BYTE_CHARACTERS.indexOf(text);

test("merges the pair of lowest rank first, from the left", () => {
  const t = tiny(["b c", "a b", "a bc"]);
  const [bc, ab, abc] = [256, 257, 258];
  assert.equal(t.encode("abc"), [abc]);
  assert.equal(t.encode("ab"), [ab]);
  assert.equal(t.encode("xbcab"), [byte("x"), bc, ab]);
  assert.equal(tiny(["a a"]).encode("aaaaa"), [256, 256, byte("a")]);
});

test("does not merge across the words that GPT-2 cuts", () => {
  const t = tiny(["b Ġ", "Ġ a", "1 a", "' s"]);
  assert.equal(t.encode("b a"), [byte("b"), 257]);
  assert.equal(t.encode("1a"), [byte("1"), byte("a")]);
  assert.equal(t.encode("b's"), [byte("b"), 259]);
});

test("cuts words at Unicode's white space, not at JavaScript's", () => {
  // U+0085 is white space, so it may not merge with a dash; U+FEFF is none, so it may.
  const nextLine = [...bytesToCharacters("\u0085")];
  const bom = [...bytesToCharacters("\ufeff")];
  const t = tiny([
    nextLine.join(" "),
    `- ${nextLine.join("")}`,
    `${bom[0]} ${bom[1]}`,
    `${bom[0]}${bom[1]} ${bom[2]}`,
    `- ${bom.join("")}`,
  ]);
  assert.equal(t.encode("-\u0085"), [byte("-"), 256]);
  assert.equal(t.encode("-\ufeff"), [260]);
});

const bytesToCharacters = (text: string): string =>
  Array.from(new TextEncoder().encode(text), (b) => BYTE_CHARACTERS[b]).join("");

test("takes special tokens in the text for ordinary text unless they are allowed", () => {
  const text = `O${END}O`;
  const o = shakespeare.encode("O");
  assert.equal(shakespeare.encode(text, { allowSpecial: true }), [...o, 1023, ...o]);
  const ordinary = shakespeare.encode(text);
  assert.not.ok(ordinary.includes(1023));
  assert.is(shakespeare.decode(ordinary), text);
});

test("always finds an added token that is not special", () => {
  const t = tiny([], (json) => {
    json["added_tokens"] = [{ id: 300, content: "<user>", special: false }];
  });
  assert.equal(t.encode("a<user>"), [byte("a"), 300]);
  assert.is(t.decode([300, byte("a")]), "<user>a");
  assert.is(t.vocabSize, 301);
});

test("knows the token that ends a text, by the config's name or GPT-2's", () => {
  assert.is(shakespeare.eosToken, 1023);
  assert.is(shakespeare.vocabSize, 1024);
  const json = JSON.parse(read("tokenizer.json"));
  assert.is(createTokenizer("t", json, { eos_token: "e" }).eosToken, json.model.vocab.e);
  assert.is(createTokenizer("t", json, { eos_token: { content: "f" } }).eosToken, json.model.vocab.f);
  assert.not.ok("eosToken" in createTokenizer("t", json, { eos_token: "<none>" }));
});

test("gives the exact bytes of a token", () => {
  assert.equal([...shakespeare.tokenBytes(1023)], [...new TextEncoder().encode(END)]);
  const t = tiny(["Ġ a"]);
  for (let b = 0; b < 256; b++) assert.equal([...t.tokenBytes(b)], [b]);
  assert.equal([...t.tokenBytes(256)], [0x20, 0x61]);
  assert.equal([...bytesOfToken("<pad 1>")], [...new TextEncoder().encode("<pad 1>")]);
});

test("tidies nothing up when it decodes", () => {
  for (const text of [" , .", "do n't ' s !", "  a  ", "\ufeffa", ""])
    assert.is(shakespeare.decode(shakespeare.encode(text)), text);
});

test("decodes bytes that are not UTF-8 to U+FFFD", () => {
  assert.is(tiny([]).decode([0xf0, 0x9f, 0x61, 0xff]), "\ufffda\ufffd");
});

test("refuses ids outside the vocabulary", () => {
  assert.throws(
    () => shakespeare.decode([5, 1024]),
    /shakespeare: the token 1024 was asked for, but the vocabulary has 1024 ids/,
  );
  assert.throws(() => shakespeare.tokenBytes(-1), /the token -1 was asked for/);
});

test("decodes what it encodes, for any text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 40 }), (text) => {
      assert.is(shakespeare.decode(shakespeare.encode(text)), text);
    }),
    { seed: 1, numRuns: 500 },
  );
});

test("encodes a lone surrogate as U+FFFD", () => {
  assert.is(shakespeare.decode(shakespeare.encode("a\ud800b")), "a\ufffdb");
});

test("gives the same ids from vocab.json and merges.txt as from tokenizer.json", () => {
  const pair = createTokenizer("pair", gpt2TokenizerJson(JSON.parse(read("vocab.json")), read("merges.txt")));
  const text = `ROMEO:\nWhat's here? a cup, closed in my true love's hand — 'Tis poison, 1597!${END}`;
  for (const allowSpecial of [false, true])
    assert.equal(pair.encode(text, { allowSpecial }), shakespeare.encode(text, { allowSpecial }));
  assert.is(pair.eosToken, 1023);
});

test("adds no token around the text, whatever the post-processor would", () => {
  const template = {
    type: "TemplateProcessing",
    single: [{ SpecialToken: { id: END, type_id: 0 } }],
    special_tokens: {},
  };
  const t = tiny([], (json) => {
    json["post_processor"] = template;
  });
  assert.equal(t.encode("a"), [byte("a")]);
});

test("names what is wrong with a tokenizer's JSON", () => {
  const broken = (change: (json: Record<string, unknown>, model: Record<string, unknown>) => void) => () =>
    tiny(["a b"], (json) => change(json, json["model"] as Record<string, unknown>));
  const cases: [() => unknown, RegExp][] = [
    [() => createTokenizer("t", null), /t: must be an object with a model/],
    [broken((json) => (json["decoder"] = null)), /it is BPE and a missing decoder, but GPT-2's is/],
    [broken((_, model) => (model["type"] = "Unigram")), /it is Unigram and a ByteLevel decoder/],
    [broken((_, model) => (model["end_of_word_suffix"] = "</w>")), /it is BPE with end_of_word_suffix and a ByteLevel/],
    [broken((_, model) => (model["vocab"] = [])), /its vocabulary must map tokens to ids/],
    [broken((_, model) => (model["vocab"] = { a: 0, b: 0 })), /the id 0 belongs to "a", but also to "b"/],
    [broken((_, model) => (model["vocab"] = { a: -1 })), /the id of "a" must be a whole number/],
    [broken((_, model) => (model["merges"] = ["a b c"])), /merge 0 must be two tokens, but is "a b c"/],
    [
      broken((_, model) => (model["merges"] = [["b", "a"]])),
      /merge 0 makes "ba", but the vocabulary has no such token/,
    ],
    [broken((json) => (json["added_tokens"] = [{ id: 3 }])), /an added token needs an id and its content/],
    [
      broken((json) => (json["pre_tokenizer"] = { type: "Nonsense" })),
      /@huggingface\/tokenizers refused it: .*Nonsense/,
    ],
  ];
  for (const [make, message] of cases) assert.throws(make, message);
});

test("refuses a byte that the vocabulary lacks instead of leaving it out", () => {
  const t = tiny([], (json) => {
    json["model"] = { type: "BPE", vocab: { a: 0, b: 1 }, merges: [] };
    json["added_tokens"] = [];
  });
  assert.equal(t.encode("ab"), [0, 1]);
  assert.throws(() => t.encode("abc"), /the text has the byte 0x63, but the vocabulary lacks 254 of the 256 bytes/);
});

test("encodes a word of a hundred thousand letters in no time", () => {
  const text = "ab".repeat(50_000);
  const began = performance.now();
  assert.is(shakespeare.decode(shakespeare.encode(text)), text);
  // About 0.5 s on one slow core; an encoder that is quadratic in the word takes minutes.
  assert.ok(performance.now() - began < 20_000);
});

const texts = shared("data/texts/tinyshakespeare.txt");
skipUnless(
  test,
  texts,
  "no ../shared/data/texts",
)("encodes 50 KB of Shakespeare, and decodes it to the letter", () => {
  const text = readFileSync(String(texts), "utf8").slice(0, 50_000);
  const ids = shakespeare.encode(text);
  // As Hugging Face's tokenizers 0.23.2 counts them; the whole text has 459,891.
  assert.is(ids.length, 20_959);
  assert.is(shakespeare.decode(ids), text);
});

test.run();
