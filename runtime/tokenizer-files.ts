// Reads a checkpoint folder's tokenizer, for Node. Which files a checkpoint has depends on who published it:
// Hugging Face's one file, or GPT-2's two under either of their names.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { RuntimeError } from "./errors.ts";
import { createTokenizer, type Tokenizer } from "./tokenizer.ts";
import { gpt2TokenizerJson } from "./tokenizer-json.ts";

/** Vocabulary and merges, as Hugging Face and as OpenAI call them. */
const PAIRS = [
  ["vocab.json", "merges.txt"],
  ["encoder.json", "vocab.bpe"],
] as const;

/**
 * The tokenizer in `folder`: from `tokenizer.json`, else from a vocabulary and its merges; undefined when there is none.
 * A caller who also has the model's config should compare `vocabSize` with its `vocab_size`.
 * @throws RuntimeError when the files are there but unreadable, not JSON, incomplete, or no byte-level BPE.
 */
export async function loadTokenizer(folder: string): Promise<Tokenizer | undefined> {
  const found = findTokenizer(folder);
  return found && createTokenizer(found.place, found.json, found.config);
}

/**
 * The same as the texts of files that a browser can read: `tokenizer.json`, made of the older pair where there is none, and
 * `tokenizer_config.json`.
 */
export function readTokenizerJson(folder: string): ReadonlyMap<string, string> | undefined {
  const found = findTokenizer(folder);
  return (
    found &&
    new Map([
      ["tokenizer.json", JSON.stringify(found.json)],
      ...(found.config === undefined ? [] : [["tokenizer_config.json", JSON.stringify(found.config)] as const]),
    ])
  );
}

interface FoundTokenizer {
  readonly place: string;
  readonly json: unknown;
  readonly config: unknown;
}

function findTokenizer(folder: string): FoundTokenizer | undefined {
  const has = (name: string): boolean => existsSync(join(folder, name));
  const configPath = join(folder, "tokenizer_config.json");
  const config = has("tokenizer_config.json") ? readJson(configPath) : undefined;

  const whole = join(folder, "tokenizer.json");
  if (has("tokenizer.json")) return { place: whole, json: readJson(whole), config };

  const complete = PAIRS.find((pair) => pair.every(has));
  if (complete) {
    const [vocab, merges] = [join(folder, complete[0]), join(folder, complete[1])];
    return { place: `${vocab} + ${complete[1]}`, json: gpt2TokenizerJson(readJson(vocab), readText(merges)), config };
  }
  for (const pair of PAIRS) {
    const [there] = pair.filter(has);
    const [absent] = pair.filter((name) => !has(name));
    if (there !== undefined && absent !== undefined)
      throw new RuntimeError(folder, `has ${there}, but not ${absent}`, `a tokenizer needs both: add ${absent}`);
  }
  return undefined;
}

function readJson(path: string): unknown {
  const text = readText(path);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new RuntimeError(path, `must be JSON, but is not: ${messageOf(error)}`, "download it again");
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new RuntimeError(path, `cannot be read: ${messageOf(error)}`);
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
