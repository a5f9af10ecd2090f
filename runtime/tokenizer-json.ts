// What a `tokenizer.json` says, checked once at the border together with the files beside it, and the same object made from
// GPT-2's original two files. Pure: parsed JSON in, data out. tokenizer.ts turns it into a tokenizer, tokenizer-files.ts reads
// the disk.

import { own } from "../base/index.ts";
import { type AddedToken, readAddedToken } from "./added-tokens.ts";
import { fileError } from "./errors.ts";
import { isId, isRecord, quote } from "./json-values.ts";
import { WORDS } from "./known-patterns.ts";
import { bytesOfToken } from "./tokenizer-bytes.ts";
import { type FileToken, readNamedTokens, type TokenizerSettings } from "./tokenizer-config.ts";

const END_OF_TEXT = "<|endoftext|>";

/** What other kinds of tokenizer are called, by the type of their model. */
const KINDS: Readonly<Record<string, string>> = {
  WordPiece: "a WordPiece tokenizer, as BERT has",
  Unigram: "a Unigram tokenizer, as SentencePiece makes them",
  WordLevel: "a WordLevel tokenizer, of whole words",
};
/** What there is to do about them. */
export const OTHER_KIND = "wgpt reads byte-level BPE, GPT-2's kind";
/** The way out: other tools can make the ids. */
export const USE_IDS = "give token ids in place of a text";

type Vocab = Readonly<Record<string, number>>;

/** A checked byte-level BPE tokenizer: `tokenizer.json`, and what the files beside it add. */
export interface TokenizerJson {
  /** As parsed, but with all added tokens, for the library and for a bundle. */
  readonly json: Readonly<Record<string, unknown>>;
  readonly vocab: Vocab;
  readonly added: readonly AddedToken[];
  /** The text of the token that ends a text, whether there is such a token or not. */
  readonly eos: string;
  /** Where the files contradict each other, and which of them was believed. */
  readonly warnings: readonly string[];
}

/**
 * Checks that parsed JSON is a byte-level BPE tokenizer whose parts agree.
 * @throws RuntimeError naming the file and what is wrong in it.
 */
export function checkTokenizerJson(place: string, json: unknown, settings: TokenizerSettings = {}): TokenizerJson {
  if (!isRecord(json) || !isRecord(json["model"]))
    throw fileError(place, "must be an object with a model, but is not", "use the tokenizer.json of the checkpoint");
  const { model } = json;
  checkKind(place, json, model);
  const vocab = checkVocab(place, model["vocab"]);
  checkMerges(place, model["merges"], vocab);
  const { added: fileTokens, special, eos = END_OF_TEXT, addPrefixSpace } = readNamedTokens(settings);
  const tokens = new AddedTokens(vocab);
  for (const token of readList(place, json["added_tokens"] ?? [])) tokens.add({ ...token, place });
  const warnings = fileTokens.flatMap((token) => tokens.addUnlessKnown(token));
  // What a file names for a purpose is special, also where only the vocabulary has it.
  for (const token of special) {
    const id = idIn(vocab, token.content);
    if (id !== undefined) tokens.addUnlessKnown({ ...token, id, place });
  }
  const added = tokens.list;
  const step = json["pre_tokenizer"];
  const pre_tokenizer =
    addPrefixSpace !== undefined && isByteLevel(step) ? { ...step, add_prefix_space: addPrefixSpace } : step;
  return { json: { ...json, pre_tokenizer, added_tokens: added }, vocab, added, eos, warnings };
}

function checkKind(place: string, { decoder }: Json, model: Json): void {
  const type = model["type"] ?? "BPE";
  const foreign = ["end_of_word_suffix", "continuing_subword_prefix"].find((part) => model[part]);
  const kind =
    type !== "BPE"
      ? (typeof type === "string" && own(KINDS, type)) || `a tokenizer of the type ${quote(type)}`
      : foreign !== undefined
        ? `BPE with ${foreign}`
        : !isByteLevel(decoder)
          ? `BPE with ${isRecord(decoder) ? `the decoder ${quote(decoder["type"])}` : "no decoder"}`
          : undefined;
  if (kind !== undefined) throw fileError(place, `it is ${kind}, but ${OTHER_KIND}`, USE_IDS);
}

function checkVocab(place: string, vocab: unknown): Vocab {
  if (!isRecord(vocab)) throw fileError(place, "its vocabulary must map tokens to ids, but is not an object");
  const owners = new Map<number, string>();
  for (const [token, id] of Object.entries(vocab)) {
    if (!isId(id))
      throw fileError(
        place,
        `the id of ${quote(token)} must be a whole number from 0 to 2147483647, but is ${quote(id)}`,
      );
    const owner = owners.get(id);
    if (owner !== undefined)
      throw fileError(place, `the id ${id} belongs to ${quote(owner)}, but also to ${quote(token)}`);
    owners.set(id, token);
  }
  return vocab as Vocab;
}

/** The library drops text without a word where a merge gives a token that the vocabulary lacks. */
function checkMerges(place: string, merges: unknown, vocab: Vocab): void {
  if (!Array.isArray(merges)) throw fileError(place, "must hold a list of merges, but does not");
  for (const [line, merge] of merges.entries()) {
    const pair: unknown = typeof merge === "string" ? merge.split(" ") : merge;
    if (!Array.isArray(pair) || pair.length !== 2 || !pair.every((part) => typeof part === "string" && part !== ""))
      throw fileError(place, `merge ${line} must be two tokens, but is ${quote(merge)}`);
    if (!Object.hasOwn(vocab, pair.join("")))
      throw fileError(
        place,
        `merge ${line} makes ${quote(pair.join(""))}, but the vocabulary has no such token`,
        "take vocabulary and merges from one tokenizer",
      );
  }
}

function readList(place: string, list: unknown): readonly AddedToken[] {
  if (!Array.isArray(list)) throw fileError(place, "its added_tokens must be a list, but are not");
  return list.map((entry) => readAddedToken(place, entry));
}

/** Added tokens as they are found in one file after the other: a text has one id, and an id one text. */
class AddedTokens {
  readonly #vocab: Vocab;
  readonly #byContent = new Map<string, AddedToken>();
  readonly #texts = new Map<number, string>();

  constructor(vocab: Vocab) {
    this.#vocab = vocab;
    for (const [token, id] of Object.entries(vocab)) this.#texts.set(id, token);
  }

  get list(): readonly AddedToken[] {
    return [...this.#byContent.values()];
  }

  /** @throws RuntimeError for a text that has another id, or an id that has another text. */
  add({ place, fix, ...token }: FileToken): void {
    const { id, content } = token;
    const other = this.#byContent.get(content)?.id ?? idIn(this.#vocab, content);
    if (other !== undefined && other !== id)
      throw fileError(place, `gives the added token ${quote(content)} the id ${id}, but the same text has ${other}`);
    const text = this.#texts.get(id);
    if (text !== undefined && text !== content && !isSameText(text, content))
      throw fileError(
        place,
        `gives the id ${id} to the added token ${quote(content)}, but it belongs to ${quote(text)}`,
        "take all files from one tokenizer",
        fix,
      );
    this.#byContent.set(content, this.#byContent.get(content) ?? token);
    this.#texts.set(id, content);
  }

  /** The same for files beside tokenizer.json, which give way where a text has an id already. Says so. */
  addUnlessKnown(token: FileToken): readonly string[] {
    const { place, id, content } = token;
    const known = this.#byContent.get(content)?.id ?? idIn(this.#vocab, content);
    if (known === undefined || known === id) {
      this.add(token);
      return [];
    }
    return [`${place}: gives ${quote(content)} the id ${id}, but the vocabulary ${known}, which is used`];
  }
}

const idIn = (vocab: Vocab, content: string): number | undefined =>
  Object.hasOwn(vocab, content) ? vocab[content] : undefined;

/** A vocabulary may have a token's text in the byte-level alphabet. */
const isSameText = (token: string, content: string): boolean =>
  bytesOfToken(token).join() === new TextEncoder().encode(content).join();

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

/** Whether every stretch of text between added tokens gets a space before it that has none. */
export const addsPrefixSpace = ({ json: { pre_tokenizer } }: TokenizerJson): boolean =>
  isByteLevel(pre_tokenizer) && pre_tokenizer["add_prefix_space"] === true;

/**
 * The same object for the library. It gets stretches of text that are cut at added tokens, normalized, and have their prefix
 * space. And two of its habits are avoided:
 * - its ByteLevel cuts words with JavaScript's `\s`, which takes U+FEFF for a space and U+0085 for none; GPT-2's and
 *   Hugging Face's `\s` is Unicode's White_Space. The library's Split does translate `\s`, so the cutting is left to it;
 * - a post-processor may add tokens around the text; here a caller gets the ids of the text and nothing else.
 */
export function libraryJson({ json }: TokenizerJson): Json {
  return {
    ...json,
    model: { ...(isRecord(json["model"]) ? json["model"] : {}), type: "BPE" },
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: cutByUnicodeSpace(json["pre_tokenizer"] ?? null),
    post_processor: null,
  };
}

function cutByUnicodeSpace(step: unknown): unknown {
  if (!isByteLevel(step)) return step;
  const bytes = { type: "ByteLevel", add_prefix_space: false, use_regex: false };
  if (step["use_regex"] === false) return bytes;
  return {
    type: "Sequence",
    pretokenizers: [{ type: "Split", pattern: { Regex: WORDS }, behavior: "Isolated", invert: false }, bytes],
  };
}

type Json = Readonly<Record<string, unknown>>;

const isByteLevel = (step: unknown): step is Json => isRecord(step) && step["type"] === "ByteLevel";
