// Reads a checkpoint folder's tokenizer, for Node. Which files a checkpoint has depends on who published it:
// Hugging Face's one file, or GPT-2's two under either of their names, and up to three beside them.

import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileError, reasonOf } from "./errors.ts";
import { parseJson } from "./json.ts";
import { checkPath } from "./real-path.ts";
import { readRegularTextSync } from "./regular-file.ts";
import { type Tokenizer, tokenizerOf } from "./tokenizer.ts";
import type { JsonFile } from "./tokenizer-config.ts";
import { checkTokenizerJson, gpt2TokenizerJson, OTHER_KIND, type TokenizerJson, USE_IDS } from "./tokenizer-json.ts";
import { regexEngineFor } from "./tokenizer-patterns.ts";

/** Vocabulary and merges, as Hugging Face and as OpenAI call them. */
const PAIRS = [
  ["vocab.json", "merges.txt"],
  ["encoder.json", "vocab.bpe"],
] as const;

/** Files by which other kinds of tokenizer are known, and what they are. */
const OTHER_KINDS: readonly (readonly [name: RegExp, kind: string])[] = [
  [/^vocab\.txt$/, "the vocabulary of a WordPiece tokenizer, as BERT has"],
  [/\.model$/, "the model of a SentencePiece tokenizer"],
  [/\.tiktoken$/, "the ranks of a tiktoken tokenizer"],
];

/**
 * The tokenizer in `folder`, or beside a file of weights: from `tokenizer.json`, else from a vocabulary and its merges; undefined
 * when there is none. A caller who also has the model's config should compare `vocabSize` with its `vocab_size`.
 * @throws RuntimeError when the files are there but unreadable, not JSON, incomplete, or no byte-level BPE.
 */
export async function loadTokenizer(folder: string): Promise<Tokenizer | undefined> {
  return (await findTokenizer(folder))?.tokenizer;
}

/** A tokenizer that was found, and what a bundle needs of it. */
export interface FoundTokenizer {
  readonly tokenizer: Tokenizer;
  /** The texts of files that a browser can read, from which `createTokenizer` makes the same tokenizer. */
  bundleFiles(): ReadonlyMap<string, string>;
}

/**
 * The same with the texts of a bundle's files.
 * @throws RuntimeError as `loadTokenizer` does.
 */
export async function findTokenizer(path: string): Promise<FoundTokenizer | undefined> {
  const folder = statSync(checkPath(path), { throwIfNoEntry: false })?.isFile() ? dirname(path) : path;
  // Also a link that leads nowhere: it is a tokenizer that can't be read, and not none.
  const names = namesIn(folder);
  const has = (name: string): boolean => names.includes(name);
  const read = (name: string): JsonFile | undefined => {
    const place = join(folder, name);
    return has(name) ? { place, json: readJson(place) } : undefined;
  };
  const files = {
    config: read("tokenizer_config.json"),
    specialTokensMap: read("special_tokens_map.json"),
    addedTokens: read("added_tokens.json"),
  };
  const whole = read("tokenizer.json");
  if (whole) return found(whole.place, checkTokenizerJson(whole.place, whole.json, files));
  const pair = PAIRS.find((names) => names.every(has));
  if (pair) {
    const [vocab, merges] = [join(folder, pair[0]), join(folder, pair[1])];
    const place = `${vocab} + ${pair[1]}`;
    return found(place, checkTokenizerJson(place, gpt2TokenizerJson(readJson(vocab), readText(merges)), files));
  }
  refuseOthers(folder, names);
  return undefined;
}

const found = async (place: string, checked: TokenizerJson): Promise<FoundTokenizer> => ({
  tokenizer: tokenizerOf(place, checked, await regexEngineFor(checked.json)),
  bundleFiles: () =>
    new Map([
      ["tokenizer.json", JSON.stringify(checked.json)],
      ["tokenizer_config.json", JSON.stringify({ eos_token: checked.eos })],
    ]),
});

/** A folder without a tokenizer is fine; one with another kind, or with half of one, says so. */
function refuseOthers(folder: string, names: readonly string[]): void {
  for (const name of names)
    for (const [pattern, kind] of OTHER_KINDS)
      if (pattern.test(name)) throw fileError(join(folder, name), `is ${kind}, but ${OTHER_KIND}`, USE_IDS);
  for (const pair of PAIRS) {
    const [there] = pair.filter((name) => names.includes(name));
    const [absent] = pair.filter((name) => !names.includes(name));
    if (there !== undefined && absent !== undefined)
      throw fileError(folder, `has ${there}, but not ${absent}, and GPT-2's tokenizer is both`, `add ${absent}`);
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return existsSync(folder) ? readdirSync(folder).sort() : [];
  } catch (error) {
    throw fileError(folder, `cannot be read: ${messageOf(error)}`);
  }
}

function readJson(path: string): unknown {
  const text = readText(path);
  try {
    return parseJson(text);
  } catch (error) {
    throw fileError(path, `must be JSON, but is not: ${messageOf(error)}`, "download it again");
  }
}

/** Some editors put a byte-order mark before a text; it is none of the text. */
function readText(path: string): string {
  try {
    return readRegularTextSync(path).replace(/^\ufeff/, "");
  } catch (error) {
    throw fileError(path, `cannot be read: ${messageOf(error)}`);
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? reasonOf(error) : String(error));
