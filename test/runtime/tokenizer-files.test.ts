import { readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RuntimeError } from "../../runtime/errors.ts";
import { loadTokenizer } from "../../runtime/tokenizer-files.ts";
import { inFolder } from "../support/make-safetensors.ts";
import { shared } from "../support/shared.ts";
import { skipUnless } from "../support/skip.ts";

const test = suite("tokenizer-files");

const SHAKESPEARE = fileURLToPath(new URL("../../models/shakespeare/", import.meta.url));
const read = (name: string): string => readFileSync(SHAKESPEARE + name, "utf8");
const HAMLET = "To be, or not to be: that is the question.";

interface Vector {
  readonly source: string;
  readonly text: string;
  readonly ids: readonly number[];
  readonly allow_special?: boolean;
}

test("loads tokenizer.json", async () => {
  const tokenizer = await loadTokenizer(SHAKESPEARE);
  assert.is(tokenizer?.vocabSize, 1024);
  assert.is(tokenizer?.eosToken, 1023);
});

test("loads vocabulary and merges under Hugging Face's names and OpenAI's", async () => {
  const expected = (await loadTokenizer(SHAKESPEARE))?.encode(HAMLET);
  for (const [vocab, merges] of [
    ["vocab.json", "merges.txt"],
    ["encoder.json", "vocab.bpe"],
  ] as const)
    await inFolder({ [vocab]: read("vocab.json"), [merges]: read("merges.txt") }, async (folder) => {
      assert.equal((await loadTokenizer(folder))?.encode(HAMLET), expected);
    });
});

test("reads merges with Windows line ends", () =>
  inFolder(
    { "vocab.json": read("vocab.json"), "merges.txt": read("merges.txt").replaceAll("\n", "\r\n") },
    async (folder) => {
      assert.is(
        (await loadTokenizer(folder))?.decode((await loadTokenizer(SHAKESPEARE))?.encode(HAMLET) ?? []),
        HAMLET,
      );
    },
  ));

test("takes the end token's name from tokenizer_config.json", () =>
  inFolder(
    { "tokenizer.json": read("tokenizer.json"), "tokenizer_config.json": '{"eos_token":"e"}' },
    async (folder) => {
      assert.is((await loadTokenizer(folder))?.eosToken, JSON.parse(read("vocab.json")).e);
    },
  ));

test("gives undefined for a folder without a tokenizer", async () => {
  assert.is(await inFolder({ "config.json": "{}" }, loadTokenizer), undefined);
  assert.is(await loadTokenizer("/no/such/place"), undefined);
});

test("names the file that is broken, and the one that is missing", async () => {
  const refuses = (files: Record<string, string>, message: RegExp): Promise<void> =>
    inFolder(files, async (folder) => {
      const error: unknown = await loadTokenizer(folder).catch((e: unknown) => e);
      assert.instance(error, RuntimeError);
      assert.match(String(error), message);
    });
  await refuses({ "tokenizer.json": "{" }, /tokenizer\.json: must be JSON, but is not/);
  await refuses(
    { "tokenizer.json": read("tokenizer.json"), "tokenizer_config.json": "x" },
    /tokenizer_config\.json: must be JSON/,
  );
  await refuses({ "vocab.json": "{}" }, /has vocab\.json, but not merges\.txt/);
  await refuses({ "vocab.bpe": "" }, /has vocab\.bpe, but not encoder\.json/);
  await refuses({ "vocab.json": '{"a":0}', "merges.txt": "a b" }, /vocab\.json \+ merges\.txt: merge 0 makes "ab"/);
});

skipUnless(
  test,
  process.platform !== "win32",
  "Windows lets few users make links",
)("a link that leads nowhere is a tokenizer that can't be read, and not none", () =>
  inFolder({ "config.json": "{}" }, async (folder) => {
    symlinkSync("../blobs/none", join(folder, "tokenizer.json"));
    const error: unknown = await loadTokenizer(folder).catch((e: unknown) => e);
    assert.match(String(error), /tokenizer\.json: cannot be read: no such file or directory/);
  }),
);

const gpt2 = shared("data/tokenizer");
const withGpt2 = skipUnless(test, gpt2, "no ../shared/data/tokenizer");

withGpt2("gives GPT-2's ids for every published vector, and their text back", async () => {
  const tokenizer = await loadTokenizer(String(gpt2));
  assert.is(tokenizer?.vocabSize, 50257);
  assert.is(tokenizer?.eosToken, 50256);
  const { vectors }: { vectors: Vector[] } = JSON.parse(readFileSync(`${gpt2}/vectors.json`, "utf8"));
  assert.is(vectors.length, 72);
  for (const { source, text, ids, allow_special = false } of vectors) {
    assert.equal(tokenizer?.encode(text, { allowSpecial: allow_special }), ids, `${source}: ${text}`);
    assert.is(tokenizer?.decode(ids), text, source);
  }
});

withGpt2("gives tiktoken's ids for characters that JavaScript's \\s gets wrong, and for special tokens", async () => {
  const tokenizer = await loadTokenizer(String(gpt2));
  // From tiktoken 0.14.0 with these two files; Hugging Face's tokenizers 0.23.2 agrees.
  const vectors: [string, number[]][] = [
    ["a \u0085 b", [64, 1587, 227, 275]],
    ["\u0085\u0085 a", [126, 227, 126, 227, 257]],
    ["!\ufeff?", [0, 171, 119, 123, 30]],
    ["  \ufeffx", [220, 27332, 119, 123, 87]],
    ["<|endoftext|>", [27, 91, 437, 1659, 5239, 91, 29]],
  ];
  for (const [text, ids] of vectors) assert.equal(tokenizer?.encode(text), ids, JSON.stringify(text));
  assert.equal(tokenizer?.encode("a<|endoftext|>b", { allowSpecial: true }), [64, 50256, 65]);
});

test.run();
