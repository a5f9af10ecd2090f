// Checkpoint folders as people have them: one small model that works, and what a case changes in it. The weights are seeded;
// the tokenizer has the 256 bytes, five merges and an end token.
import { BYTE_CHARACTERS } from "../../runtime/tokenizer-bytes.ts";
import { type CheckpointOptions, type Files, seededCheckpoint } from "./made-models.ts";

const MERGES = ["Ġ t", "h e", "Ġt he", "i n", "Ġ a"];
/** The text of the model's end token, and its id, which is the last. */
export const END = "<|endoftext|>";
export const END_ID = BYTE_CHARACTERS.length + MERGES.length;
/** Ids 0 … 261. */
export const VOCAB: Readonly<Record<string, number>> = Object.fromEntries(
  [...BYTE_CHARACTERS, ...MERGES.map((merge) => merge.replace(" ", "")), END].map((text, id) => [text, id]),
);
export const MERGES_TXT = `#version: 0.2\n${MERGES.join("\n")}\n`;

const CONFIG = {
  model_type: "gpt2",
  n_layer: 1,
  n_head: 2,
  n_embd: 8,
  n_positions: 32,
  vocab_size: END_ID + 1,
  bos_token_id: END_ID,
  eos_token_id: END_ID,
};

/** An entry of `added_tokens` as Hugging Face writes it. */
export const addedToken = (id: number, content: string, change: Readonly<Record<string, unknown>> = {}) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
  ...change,
});

/** A tokenizer.json of the vocabulary above, with these added tokens beside its end token. */
export const tokenizerJson = (
  added: readonly object[] = [],
  change: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> => ({
  version: "1.0",
  added_tokens: [addedToken(END_ID, END), ...added],
  normalizer: null,
  pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
  post_processor: null,
  decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
  model: { type: "BPE", vocab: VOCAB, merges: MERGES },
  ...change,
});

/** What a folder has that differs from the one that works. */
export interface FolderChange {
  /** Keys of config.json; undefined drops one. The weights are made for what comes out. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** The same, but the weights stay those of the config without it. */
  readonly configOnly?: Readonly<Record<string, unknown>>;
  /** The tokenizer's files: tokenizer.json, vocab.json and merges.txt, or none of them. */
  readonly tokenizer?: "json" | "pair" | "none";
  /** How the weights are made: their names, dtype, shards. */
  readonly weights?: CheckpointOptions;
  /** Added or replaced at the end; undefined takes a file away; an object is written as JSON. */
  readonly files?: Readonly<Record<string, string | Uint8Array | object | undefined>>;
}

/** The files of a folder, to be written by `inFolder`. */
export function checkpointFolder(change: FolderChange = {}): Files {
  const { tokenizer = "json", weights = {} } = change;
  const config = { ...CONFIG, ...change.config };
  const files: Record<string, string | Uint8Array | object | undefined> = {
    ...seededCheckpoint(config, weights),
    "config.json": { ...config, ...change.configOnly },
    ...(tokenizer === "json" ? { "tokenizer.json": tokenizerJson() } : {}),
    ...(tokenizer === "pair" ? { "vocab.json": VOCAB, "merges.txt": MERGES_TXT } : {}),
    ...change.files,
  };
  return Object.fromEntries(
    Object.entries(files).flatMap(([name, content]) =>
      content === undefined
        ? []
        : [[name, typeof content === "string" || content instanceof Uint8Array ? content : JSON.stringify(content)]],
    ),
  );
}
