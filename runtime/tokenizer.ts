// Text to token ids and back, for byte-level BPE as GPT-2 uses it. The BPE itself is Hugging Face's library; this file
// narrows it to what the runtime needs, and adds what the library lacks: the exact bytes of a token. It touches no disk.

import { Tokenizer as LibraryTokenizer } from "@huggingface/tokenizers";
import { RuntimeError } from "./errors.ts";
import { BYTE_CHARACTERS, bytesOfToken } from "./tokenizer-bytes.ts";
import { checkTokenizerJson, findEos, libraryJson } from "./tokenizer-json.ts";

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
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] };
}

/**
 * A tokenizer from a parsed `tokenizer.json` and, for the name of its end token, a parsed `tokenizer_config.json`.
 * `place` is what errors call it.
 * @throws RuntimeError when it is not a byte-level BPE tokenizer, or its parts disagree.
 */
export function createTokenizer(place: string, json: unknown, config?: unknown): Tokenizer {
  const checked = checkTokenizerJson(place, json);
  const { vocab, added } = checked;
  const bytes: (Uint8Array | undefined)[] = [];
  for (const [token, id] of Object.entries(vocab)) bytes[id] = bytesOfToken(token);
  for (const { content, id } of added) bytes[id] = new TextEncoder().encode(content);
  const eosToken = findEos(checked, config);

  const ordinary = loadLibrary(
    place,
    libraryJson(checked, (token) => !token.special),
  );
  // Made when first asked for: the library indexes all merges once more.
  let special: Library | undefined;
  const withSpecial = (): Library => {
    special ??= loadLibrary(
      place,
      libraryJson(checked, () => true),
    );
    return special;
  };
  const missing = new Set(BYTE_CHARACTERS.flatMap((c, byte) => (Object.hasOwn(vocab, c) ? [] : [byte])));

  function tokenBytes(id: number): Uint8Array {
    const found = bytes[id];
    if (found) return found;
    throw new RuntimeError(
      place,
      `the token ${id} was asked for, but the vocabulary has ${bytes.length} ids and none for it`,
      "tokenizer and model must come from the same checkpoint",
    );
  }

  return {
    vocabSize: bytes.length,
    ...(eosToken === undefined ? {} : { eosToken }),
    encode(text, { allowSpecial = false } = {}) {
      if (missing.size > 0) refuseMissingBytes(place, text, missing);
      const library = allowSpecial ? withSpecial() : ordinary;
      return library.encode(text, { add_special_tokens: false }).ids;
    },
    // Through the bytes and not the library's decoder, so that a streamed text cannot differ from a whole one.
    decode: (ids) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(concatenate(ids.map(tokenBytes))),
    tokenBytes,
  };
}

function loadLibrary(place: string, json: object): Library {
  try {
    return new LibraryTokenizer(json, {}) as Library;
  } catch (error) {
    throw new RuntimeError(
      place,
      `@huggingface/tokenizers refused it: ${error instanceof Error ? error.message : error}`,
    );
  }
}

/** A vocabulary trained without all 256 bytes cannot say every text, and the library would leave those bytes out. */
function refuseMissingBytes(place: string, text: string, missing: ReadonlySet<number>): void {
  const byte = new TextEncoder().encode(text).find((b) => missing.has(b));
  if (byte !== undefined)
    throw new RuntimeError(
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
