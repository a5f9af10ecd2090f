// What a `tokenizer.json` says, checked once at the border, and the same object made from GPT-2's original two files.
// Pure: parsed JSON in, data out. tokenizer.ts turns it into a tokenizer, tokenizer-files.ts reads the disk.

import { RuntimeError } from "./errors.ts";

const END_OF_TEXT = "<|endoftext|>";

/** How GPT-2 cuts text into words before BPE (openai/gpt-2 src/encoder.py). */
const WORDS = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;

/** A token that is found in the text before any BPE. Special ones only where the caller allows them. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
}

/** A checked byte-level BPE `tokenizer.json`. */
export interface TokenizerJson {
  /** As parsed, for the library. */
  readonly json: Readonly<Record<string, unknown>>;
  readonly vocab: Readonly<Record<string, number>>;
  readonly added: readonly AddedToken[];
}

/**
 * Checks that parsed JSON is a byte-level BPE tokenizer whose parts agree.
 * @throws RuntimeError naming the file and what is wrong in it.
 */
export function checkTokenizerJson(place: string, json: unknown): TokenizerJson {
  if (!isRecord(json) || !isRecord(json["model"]))
    throw new RuntimeError(
      place,
      "must be an object with a model, but is not",
      "use the tokenizer.json of the checkpoint",
    );
  const { model, decoder } = json;
  const { type = "BPE", vocab, merges } = model;
  const decoderType = isRecord(decoder) ? decoder["type"] : undefined;
  const foreign = ["end_of_word_suffix", "continuing_subword_prefix"].find((part) => model[part]);
  if (type !== "BPE" || decoderType !== "ByteLevel" || foreign !== undefined)
    throw new RuntimeError(
      place,
      `it is ${type}${foreign ? ` with ${foreign}` : ""} and a ${decoderType ?? "missing"} decoder, but GPT-2's is plain BPE and a ByteLevel decoder`,
      "use the tokenizer files that belong to the GPT-2 checkpoint",
    );
  const checked = checkVocab(place, vocab);
  const added = readAdded(place, json["added_tokens"] ?? []);
  checkMerges(place, merges, checked);
  return { json, vocab: checked, added };
}

function checkVocab(place: string, vocab: unknown): Readonly<Record<string, number>> {
  if (!isRecord(vocab)) throw new RuntimeError(place, "its vocabulary must map tokens to ids, but is not an object");
  const owners = new Map<number, string>();
  for (const [token, id] of Object.entries(vocab)) {
    if (!isId(id)) throw new RuntimeError(place, `the id of ${quote(token)} must be a whole number ≥ 0, but is ${id}`);
    const owner = owners.get(id);
    if (owner !== undefined)
      throw new RuntimeError(place, `the id ${id} belongs to ${quote(owner)}, but also to ${quote(token)}`);
    owners.set(id, token);
  }
  return vocab as Record<string, number>;
}

/** The library drops text without a word where a merge gives a token that the vocabulary lacks. */
function checkMerges(place: string, merges: unknown, vocab: Readonly<Record<string, number>>): void {
  if (!Array.isArray(merges)) throw new RuntimeError(place, "must hold a list of merges, but does not");
  for (const [line, merge] of merges.entries()) {
    const pair: unknown = typeof merge === "string" ? merge.split(" ") : merge;
    if (!Array.isArray(pair) || pair.length !== 2 || !pair.every((part) => typeof part === "string" && part !== ""))
      throw new RuntimeError(place, `merge ${line} must be two tokens, but is ${quote(merge)}`);
    if (!Object.hasOwn(vocab, pair.join("")))
      throw new RuntimeError(
        place,
        `merge ${line} makes ${quote(pair.join(""))}, but the vocabulary has no such token`,
        "vocabulary and merges come from different tokenizers: take both from one checkpoint",
      );
  }
}

function readAdded(place: string, list: unknown): AddedToken[] {
  if (!Array.isArray(list)) throw new RuntimeError(place, "its added_tokens must be a list, but are not");
  return list.map((entry: unknown) => {
    const { id, content, special = false } = isRecord(entry) ? entry : {};
    if (!isId(id) || typeof content !== "string" || content === "" || typeof special !== "boolean")
      throw new RuntimeError(place, `an added token needs an id and its content, but one is ${quote(entry)}`);
    return { id, content, special };
  });
}

/**
 * The `tokenizer.json` of GPT-2's original files: `vocab.json` (or `encoder.json`), parsed, and the text of
 * `merges.txt` (or `vocab.bpe`): one merge a line, after an optional `#version` line.
 */
export function gpt2TokenizerJson(vocab: unknown, merges: string): Record<string, unknown> {
  const lines = merges.split(/\r?\n/);
  if (lines[0]?.startsWith("#version")) lines.shift();
  const endOfText = isRecord(vocab) ? vocab[END_OF_TEXT] : undefined;
  return {
    version: "1.0",
    added_tokens: endOfText === undefined ? [] : [{ id: endOfText, content: END_OF_TEXT, special: true }],
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: true },
    post_processor: null,
    decoder: { type: "ByteLevel" },
    model: { type: "BPE", vocab, merges: lines.filter((line) => line !== "") },
  };
}

/** The id of the token that ends a text: what the tokenizer's config names, else `<|endoftext|>` where it exists. */
export function findEos({ vocab, added }: TokenizerJson, config: unknown): number | undefined {
  const named = isRecord(config) ? config["eos_token"] : undefined;
  const content = isRecord(named) ? named["content"] : named;
  const name = typeof content === "string" ? content : END_OF_TEXT;
  return added.find((token) => token.content === name)?.id ?? (Object.hasOwn(vocab, name) ? vocab[name] : undefined);
}

/**
 * The same object for the library, with the added tokens that `keep` names, and two of the library's habits avoided:
 * - its ByteLevel cuts words with JavaScript's `\s`, which takes U+FEFF for a space and U+0085 for none; GPT-2's and
 *   Hugging Face's `\s` is Unicode's White_Space. The library's Split does translate `\s`, so the cutting is left to it;
 * - a post-processor may add tokens around the text; here a caller gets the ids of the text and nothing else.
 */
export function libraryJson({ json, added }: TokenizerJson, keep: (token: AddedToken) => boolean): object {
  const kept = new Set(added.filter(keep).map((token) => token.id));
  const list = Array.isArray(json["added_tokens"]) ? json["added_tokens"] : [];
  return {
    ...json,
    model: { ...(isRecord(json["model"]) ? json["model"] : {}), type: "BPE" },
    added_tokens: list.filter((entry) => isRecord(entry) && kept.has(Number(entry["id"]))),
    normalizer: json["normalizer"] ?? null,
    pre_tokenizer: cutByUnicodeSpace(json["pre_tokenizer"] ?? null),
    post_processor: null,
  };
}

function cutByUnicodeSpace(step: unknown): unknown {
  if (!isRecord(step) || step["type"] !== "ByteLevel" || step["use_regex"] === false) return step;
  // With a prefix space the order of the two steps would matter. GPT-2's own files never ask for one.
  if (step["add_prefix_space"] === true) return step;
  return {
    type: "Sequence",
    pretokenizers: [
      { type: "Split", pattern: { Regex: WORDS }, behavior: "Isolated", invert: false },
      { type: "ByteLevel", add_prefix_space: false, use_regex: false },
    ],
  };
}

const isRecord = (x: unknown): x is Record<string, unknown> => typeof x === "object" && x !== null && !Array.isArray(x);
const isId = (x: unknown): x is number => Number.isSafeInteger(x) && Number(x) >= 0;
const quote = (x: unknown): string => String(JSON.stringify(x)).slice(0, 80);
