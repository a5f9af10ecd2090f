import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RuntimeError } from "../../runtime/errors.ts";
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

const added = (id: number, content: string, flags: Readonly<Record<string, boolean>> = {}) => ({
  id,
  content,
  special: false,
  normalized: false,
  ...flags,
});
const withAdded = (list: readonly object[], change: Readonly<Record<string, unknown>> = {}): Tokenizer =>
  tiny([], (json) => Object.assign(json, { added_tokens: list }, change));

test("finds a token that is a single word only where no word character stands beside it", () => {
  const t = withAdded([added(300, "zqx", { single_word: true })]);
  assert.equal(t.encode("zqx"), [300]);
  assert.equal(t.encode("a zqx."), [byte("a"), byte("Ġ"), 300, byte(".")]);
  for (const text of ["zqxy", "azqx", "zqx1", "_zqx", "ézqx", "zqx\u0301", "\u{1d4d0}zqx", "zqx\u{1d4d0}"])
    assert.not.ok(t.encode(text).includes(300), text);
  for (const text of ["😀zqx", "zqx😀", "-zqx-"]) assert.ok(t.encode(text).includes(300), text);
  // One that is not alone hides none that comes after it.
  assert.equal(t.encode("zqxzqx zqx").at(-1), 300);
});

test("takes white space along on the sides that a token strips", () => {
  const a = byte("a");
  assert.equal(withAdded([added(300, "<l>", { lstrip: true })]).encode("a \u0085<l> a"), [a, 300, byte("Ġ"), a]);
  assert.equal(withAdded([added(300, "<r>", { rstrip: true })]).encode("a <r> \u3000a"), [a, byte("Ġ"), 300, a]);
  const both = withAdded([added(300, "<b>", { lstrip: true, rstrip: true })]);
  assert.equal(both.encode(" <b>  <b> "), [300, 300]);
  // U+FEFF is no white space, though JavaScript's trim takes it.
  assert.equal(both.encode("\ufeff<b>").slice(-2), [byte("¿"), 300]);
});

test("takes the leftmost added token, of those the longest, and those that are not normalized before the others", () => {
  const t = withAdded([added(300, "<a>"), added(301, "<a><b>"), added(302, "b><c", { normalized: true })]);
  assert.equal(t.encode("<a><b>"), [301]);
  assert.equal(t.encode("<a><a><b>"), [300, 301]);
  assert.equal(t.encode("<b><c>"), [byte("<"), 302, byte(">")]);
  assert.equal(t.encode("<a><b><c>"), [301, byte("<"), byte("c"), byte(">")]);
});

test("looks for a normalized token in the normalized text, and for another one in the text as it is", () => {
  const normalizer = { type: "Lowercase" };
  const t = withAdded([added(300, "<Raw>"), added(301, "<Norm>", { normalized: true })], { normalizer });
  assert.equal(t.encode("<Raw>A"), [300, byte("a")]);
  assert.not.ok(t.encode("<raw>").includes(300));
  assert.equal(t.encode("<NORM>A<norm>"), [301, byte("a"), 301]);
});

test("puts a prefix space before every stretch of text that has none", () => {
  const pre_tokenizer = { type: "ByteLevel", add_prefix_space: true, use_regex: true };
  const t = withAdded([added(300, "<a>")], { pre_tokenizer });
  assert.equal(t.encode("a<a> a<a>"), [byte("Ġ"), byte("a"), 300, byte("Ġ"), byte("a"), 300]);
});

test("knows which ids it has a text for, and the texts of its special tokens", () => {
  const t = withAdded([added(300, "<a>"), added(302, "<s>", { special: true })]);
  assert.equal(
    [0, 255, 299, 300, 301, 302, 303, -1, 0.5].map((id) => t.has(id)),
    [true, true, false, true, false, true, false, false, false],
  );
  assert.is(t.vocabSize, 303);
  assert.equal(t.specialTokens, ["<s>"]);
  assert.throws(() => t.decode([301]), /the token 301 was asked for/);
});

test("reads added and special tokens from the config, as bundles and browsers have it", () => {
  const json = { ...gpt2TokenizerJson(Object.fromEntries(BYTE_CHARACTERS.map((c, i) => [c, i])), "") };
  const t = createTokenizer("t", json, {
    added_tokens_decoder: { 256: { content: "<end>", special: true }, 257: { content: "<user>" } },
    eos_token: { __type: "AddedToken", content: "<end>" },
    additional_special_tokens: ["q"],
    add_prefix_space: true,
  });
  assert.is(t.eosToken, 256);
  assert.equal(t.specialTokens, ["<end>", "q"]);
  assert.equal(t.encode("<user>a"), [257, byte("Ġ"), byte("a")]);
  assert.equal(t.encode("<end>", { allowSpecial: true }), [256]);
  const refuses = (config: unknown, message: RegExp, fix: object) => {
    try {
      createTokenizer("t", json, config);
    } catch (error) {
      assert.instance(error, RuntimeError);
      assert.match(String(error), message);
      assert.equal((error as RuntimeError).fix, fix);
      return;
    }
    assert.unreachable(`${message}`);
  };
  const file = "tokenizer_config.json";
  refuses({ eos_token: 5 }, /config\.json eos_token: is 5/, { kind: "edit-json", file, unset: ["eos_token"] });
  refuses({ added_tokens_decoder: [] }, /added_tokens_decoder: is \[\]/, {
    kind: "edit-json",
    file,
    unset: ["added_tokens_decoder"],
  });
  refuses(
    { added_tokens_decoder: { 7: { content: "<x>" }, 300: { content: "<y>" } } },
    /gives the id 7 to the added token "<x>", but it belongs to "ć"/,
    { kind: "edit-json", file, set: { added_tokens_decoder: { 300: { content: "<y>" } } } },
  );
  refuses([], /must be a JSON object, but is \[\]/, { kind: "remove", file });
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
    [broken((json) => (json["decoder"] = null)), /it is BPE with no decoder, but wgpt reads byte-level BPE/],
    [broken((json) => (json["decoder"] = { type: "Metaspace" })), /it is BPE with the decoder "Metaspace", but/],
    [broken((_, model) => (model["type"] = "Unigram")), /it is a Unigram tokenizer, as SentencePiece makes them, but/],
    [broken((_, model) => (model["type"] = "WordPiece")), /it is a WordPiece tokenizer, as BERT has, but/],
    [broken((_, model) => (model["type"] = "WordLevel")), /it is a WordLevel tokenizer, of whole words, but/],
    [broken((_, model) => (model["type"] = "Own")), /it is a tokenizer of the type "Own", but/],
    [broken((_, model) => (model["end_of_word_suffix"] = "</w>")), /it is BPE with end_of_word_suffix, but/],
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
      broken((json) => (json["added_tokens"] = [{ id: 300, content: "<x>", single_word: "no" }])),
      /single_word of the added token "<x>" is "no" \(|single_word of the added token "<x>" is "no"/,
    ],
    [
      broken((json) => (json["added_tokens"] = [{ id: 3, content: "<x>" }])),
      /gives the id 3 to the added token "<x>", but it belongs to "ă"/,
    ],
    [
      broken((json) => (json["added_tokens"] = [{ id: 300, content: "a" }])),
      /gives the added token "a" the id 300, but the same text has 97/,
    ],
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
