// Text to token ids and back, for byte-level BPE as GPT-2 uses it. The BPE itself is Hugging Face's library; this file
// narrows it to what the runtime needs, and adds what the library lacks: the exact bytes of a token. It touches no disk.

import { Tokenizer as LibraryTokenizer } from "@huggingface/tokenizers";
import { shortName, shortValue } from "../base/index.ts";
import { addedTokenSplitter } from "./added-tokens.ts";
import { copyIds } from "./check-call.ts";
import { fileError, optionError, RuntimeError } from "./errors.ts";
import { quote } from "./json-values.ts";
import type { RegexEngine } from "./linear-pattern.ts";
import { BYTE_CHARACTERS, bytesOfToken } from "./tokenizer-bytes.ts";
import { addsPrefixSpace, checkTokenizerJson, libraryJson, type TokenizerJson, USE_IDS } from "./tokenizer-json.ts";
import { stepPatterns } from "./tokenizer-patterns.ts";

/** How text becomes ids. */
export interface EncodeOptions {
  /** Take special tokens such as `<|endoftext|>` in the text for themselves, not for ordinary characters. */
  readonly allowSpecial?: boolean;
}

/** Text to token ids and back. */
export interface Tokenizer {
  /** One more than the largest id. A model may have more rows than that, for padding; their ids have no text. */
  readonly vocabSize: number;
  /** The token that ends a text. */
  readonly eosToken?: number;
  /** The texts of its special tokens: see `encode`. */
  readonly specialTokens: readonly string[];
  /** Where its files contradict each other, and which of them was believed. */
  readonly warnings: readonly string[];
  /** Whether the id is in the vocabulary. One below `vocabSize` need not be. */
  has(id: number): boolean;
  /**
   * The ids of `text`, and nothing around them. Special tokens in it are ordinary text unless `allowSpecial` is set,
   * so that text from outside cannot end a document. A lone surrogate counts as U+FFFD.
   */
  encode(text: string, options?: EncodeOptions): number[];
  /**
   * The text of `ids`, special tokens included and nothing tidied up; bytes that are not UTF-8 become U+FFFD.
   * @throws RuntimeError for an id that is not in the vocabulary.
   */
  decode(ids: readonly number[]): string;
  /**
   * The bytes that the token stands for, which need not be whole characters. Shared: not to be written to.
   * @throws RuntimeError for an id that is not in the vocabulary.
   */
  tokenBytes(id: number): Uint8Array;
}

/** The part of the library that is used here. Its own types do not resolve under `nodenext` and come out as `any`. */
interface Library {
  encode(text: string, options: { add_special_tokens: boolean }): { ids: readonly (number | undefined)[] };
  readonly normalizer: { normalize(text: string): string } | null;
  readonly pre_tokenizer: unknown;
}

/**
 * A tokenizer from a parsed `tokenizer.json` and, for the names of its special tokens and for tokens that it adds, a parsed
 * `tokenizer_config.json`. `place` is what errors call it. `engine` is what `regexEngineFor(json)` gives: a tokenizer with regular
 * expressions of its own needs it.
 * @throws RuntimeError when it is not a byte-level BPE tokenizer, or its parts disagree.
 */
export function createTokenizer(place: string, json: unknown, config?: unknown, engine?: RegexEngine): Tokenizer {
  const settings = config === undefined ? {} : { config: { place: "tokenizer_config.json", json: config } };
  return tokenizerOf(place, checkTokenizerJson(place, json, settings), engine);
}

/** The same from files that have been checked. */
export function tokenizerOf(place: string, checked: TokenizerJson, engine?: RegexEngine): Tokenizer {
  const { vocab, added, eos, warnings } = checked;
  const bytes = new Map<number, Uint8Array>();
  for (const [token, id] of Object.entries(vocab)) bytes.set(id, bytesOfToken(token));
  for (const { content, id } of added) bytes.set(id, new TextEncoder().encode(content));
  let vocabSize = 0;
  for (const id of bytes.keys()) vocabSize = Math.max(vocabSize, id + 1);
  const eosToken =
    added.find((token) => token.content === eos)?.id ?? (Object.hasOwn(vocab, eos) ? vocab[eos] : undefined);

  const library = libraryOf(place, checked, engine);
  const normalizer = normalizerOf(place, checked, engine);
  const normalize = (text: string): string => (normalizer ? call(place, () => normalizer.normalize(text)) : text);
  const splitOrdinary = addedTokenSplitter(
    added.filter((token) => !token.special),
    normalize,
  );
  const splitSpecial = addedTokenSplitter(added, normalize);
  const prefix = addsPrefixSpace(checked);
  const missing = new Set(BYTE_CHARACTERS.flatMap((c, byte) => (Object.hasOwn(vocab, c) ? [] : [byte])));

  function encodePiece(piece: string): readonly number[] {
    const text = prefix && !piece.startsWith(" ") ? ` ${piece}` : piece;
    if (missing.size > 0) refuseMissingBytes(place, text, missing);
    const { ids } = call(place, () => library.encode(text, { add_special_tokens: false }));
    if (ids.every((id) => id !== undefined)) return ids;
    throw fileError(place, `has no ids for all of ${quote(text)}`, USE_IDS);
  }

  function tokenBytes(id: number): Uint8Array {
    const found = bytes.get(id);
    if (found) return found;
    throw fileError(
      place,
      `the token ${id} was asked for, but the vocabulary has ${bytes.size} ids and none for it`,
      "a model may have more rows than its tokenizer has texts: ask `has` first",
    );
  }

  return {
    vocabSize,
    ...(eosToken === undefined ? {} : { eosToken }),
    specialTokens: added.filter((token) => token.special).map((token) => token.content),
    warnings,
    has: (id) => bytes.has(id),
    encode(text, { allowSpecial = false } = {}) {
      if (typeof text !== "string")
        throw optionError("encode", `is given ${shortValue(text)}, but it takes a text`, "ids need no tokenizer");
      const pieces = (allowSpecial ? splitSpecial : splitOrdinary)(text);
      return pieces.flatMap((piece) => (typeof piece === "string" ? encodePiece(piece) : [piece]));
    },
    // Through the bytes and not the library's decoder, so that a streamed text cannot differ from a whole one.
    decode: (ids) =>
      new TextDecoder("utf-8", { ignoreBOM: true }).decode(concatenate(copyIds("decode", ids).map(tokenBytes))),
    tokenBytes,
  };
}

/** The library's normalizer, which has to run between two cuts and not within `encode`; null where there is none. */
function normalizerOf(place: string, { json }: TokenizerJson, engine?: RegexEngine): Library["normalizer"] {
  if ((json["normalizer"] ?? null) === null) return null;
  const { step, apply } = stepPatterns(place, json["normalizer"], engine);
  const model = { type: "BPE", vocab: {}, merges: [] };
  const nothing = { model, added_tokens: [], pre_tokenizer: null, post_processor: null };
  const { normalizer } = loadLibrary(place, { ...json, ...nothing, normalizer: step });
  apply(normalizer);
  return normalizer;
}

/** The library with the expressions of `pre_tokenizer`. */
function libraryOf(place: string, checked: TokenizerJson, engine?: RegexEngine): Library {
  const json = libraryJson(checked);
  const { step, apply } = stepPatterns(place, json["pre_tokenizer"], engine);
  const library = loadLibrary(place, { ...json, pre_tokenizer: step });
  apply(library.pre_tokenizer);
  return library;
}

function loadLibrary(place: string, json: object): Library {
  return call(place, () => new LibraryTokenizer(json, {}) as Library);
}

/** What the library takes on trust fails in it, some of it only when a text comes. */
function call<T>(place: string, library: () => T): T {
  try {
    return library();
  } catch (error) {
    if (error instanceof RuntimeError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw fileError(place, `@huggingface/tokenizers refused it: ${shortName(reason)}`, USE_IDS);
  }
}

/** A vocabulary trained without all 256 bytes cannot say every text, and the library would leave those bytes out. */
function refuseMissingBytes(place: string, text: string, missing: ReadonlySet<number>): void {
  const byte = new TextEncoder().encode(text).find((b) => missing.has(b));
  if (byte !== undefined)
    throw fileError(
      place,
      `the text has the byte 0x${byte.toString(16).padStart(2, "0")}, but the vocabulary lacks ${missing.size} of the 256 bytes, that one too`,
      "use a tokenizer that was trained with the full byte alphabet",
    );
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let end = 0;
  for (const part of parts) {
    all.set(part, end);
    end += part.length;
  }
  return all;
}
