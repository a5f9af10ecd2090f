// What the files beside a vocabulary say of its tokens: `tokenizer_config.json`, and the older `special_tokens_map.json` and
// `added_tokens.json`. Pure: parsed JSON in, data out.

import { type AddedToken, readAddedToken } from "./added-tokens.ts";
import { type Fix, fileError, type RuntimeError } from "./errors.ts";
import { isRecord, quote } from "./json-values.ts";

/** A parsed file and what errors call it. */
export interface JsonFile {
  readonly place: string;
  readonly json: unknown;
}

/** The files beside the vocabulary, those that are there. */
export interface TokenizerSettings {
  readonly config?: JsonFile | undefined;
  readonly specialTokensMap?: JsonFile | undefined;
  readonly addedTokens?: JsonFile | undefined;
}

/** A token that a file adds, the file, and how to take it out of there. */
export interface FileToken extends AddedToken {
  readonly place: string;
  readonly fix?: Fix;
}

export interface NamedTokens {
  /** Tokens with ids, in the order in which the files are read. */
  readonly added: readonly FileToken[];
  /** Tokens that are named for a purpose, without ids. */
  readonly special: readonly Omit<AddedToken, "id">[];
  /** The text of the token that ends a text, where one is named. */
  readonly eos: string | undefined;
  readonly addPrefixSpace: boolean | undefined;
}

type Json = Readonly<Record<string, unknown>>;

const NAMES = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"] as const;
const LISTS = ["additional_special_tokens", "extra_special_tokens"] as const;

/**
 * Reads the three files as `transformers` does: a config with an `added_tokens_decoder` is the newer and decides over
 * `special_tokens_map.json`, an older one gives way to it.
 * @throws RuntimeError for a key of a type that is not understood, by its name.
 */
export function readNamedTokens(settings: TokenizerSettings): NamedTokens {
  const config = readRecord(settings.config);
  const map = readRecord(settings.specialTokensMap);
  const isNew = config?.json["added_tokens_decoder"] !== undefined;
  const files = (isNew ? [config, map] : [map, config]).filter((file) => file !== undefined);
  const named = new Map<string, Omit<AddedToken, "id">>();
  for (const file of files) {
    for (const key of NAMES) {
      const token = readNamed(file, key, file.json[key]);
      if (token && !named.has(key)) named.set(key, token);
    }
    for (const key of LISTS)
      for (const [i, entry] of readList(file, key).entries()) {
        const token = readNamed(file, key, entry);
        if (token && !named.has(`${key} ${i}`)) named.set(`${key} ${i}`, token);
      }
  }
  const special = new Set([...named.values()].map((token) => token.content));
  const prefix = config?.json["add_prefix_space"] ?? undefined;
  if (config && prefix !== undefined && typeof prefix !== "boolean")
    throw refuseKey(config, "add_prefix_space", prefix, "true or false");
  return {
    added: [...(config ? readDecoder(config) : []), ...readAddedTokens(settings.addedTokens, special)],
    special: [...named.values()],
    eos: named.get("eos_token")?.content,
    addPrefixSpace: prefix === true || prefix === false ? prefix : undefined,
  };
}

interface RecordFile extends JsonFile {
  readonly json: Json;
}

function readRecord(file: JsonFile | undefined): RecordFile | undefined {
  if (!file) return undefined;
  const { place, json } = file;
  if (isRecord(json)) return { place, json };
  const fix = { kind: "remove", file: place } as const;
  throw fileError(place, `must be a JSON object, but is ${quote(json)}`, "download it again, or remove it", fix);
}

const refuseKey = ({ place }: JsonFile, key: string, value: unknown, wanted: string): RuntimeError =>
  fileError(`${place} ${key}`, `is ${quote(value)}`, `it must be ${wanted}; or take the key out`, {
    kind: "edit-json",
    file: place,
    unset: [key],
  });

/** A token's text, or an object that has it as `content`. */
function readNamed(file: RecordFile, key: string, value: unknown): Omit<AddedToken, "id"> | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  const entry = typeof value === "string" ? { content: value } : value;
  if (!isRecord(entry) || typeof entry["content"] !== "string")
    throw refuseKey(file, key, value, "the text of a token, or an object with its content");
  if (entry["content"] === "") return undefined;
  const { id: _, ...token } = readAddedToken(`${file.place} ${key}`, { ...entry, id: 0, special: true });
  return token;
}

function readList(file: RecordFile, key: string): readonly unknown[] {
  const value = file.json[key] ?? [];
  if (Array.isArray(value)) return value;
  if (isRecord(value)) return Object.values(value);
  throw refuseKey(file, key, value, "a list of tokens");
}

function readDecoder(file: RecordFile): readonly FileToken[] {
  const { place, json } = file;
  const key = "added_tokens_decoder";
  const decoder = json[key] ?? {};
  if (!isRecord(decoder)) throw refuseKey(file, key, decoder, "an object from ids to tokens");
  return Object.entries(decoder).map(([id, entry]) => {
    const rest = Object.fromEntries(Object.entries(decoder).filter(([other]) => other !== id));
    const token = isRecord(entry) ? { ...entry, id: /^\d+$/.test(id) ? Number(id) : id } : entry;
    return {
      ...readAddedToken(`${place} ${key}`, token),
      place,
      fix: { kind: "edit-json", file: place, set: { [key]: rest } },
    };
  });
}

/** `added_tokens.json` has texts and ids alone; which of them are special stands in the other files. */
function readAddedTokens(file: JsonFile | undefined, special: ReadonlySet<string>): readonly FileToken[] {
  const read = readRecord(file);
  if (!read) return [];
  const { place, json } = read;
  return Object.entries(json).map(([content, id]) => ({
    ...readAddedToken(place, { id, content, special: special.has(content) }),
    place,
    fix: { kind: "edit-json", file: place, unset: [content] },
  }));
}
