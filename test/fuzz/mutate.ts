// Checkpoint folders made wrong in the ways that people and their tools make them wrong, and in some that nobody does: from a
// folder that works, by a seed.
import {
  addedToken,
  END,
  END_ID,
  type FolderChange,
  MERGES_TXT,
  tokenizerJson,
  VOCAB,
} from "../support/checkpoint-folders.ts";
import { makeSafetensors } from "../support/make-safetensors.ts";

/** Numbers in [0, 1), the same for the same seed. */
export type Random = () => number;

/** As in Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8(14), 2003, on 32 bits. */
export function seededRandom(seed: number): Random {
  let state = (Math.imul(seed, 2654435761) ^ 0x9e3779b9) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

export const pick = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;

type Json = Record<string, unknown>;
/** A file's content: an object is JSON that may still be changed. */
type Content = string | Uint8Array | Json;
type Folder = Map<string, Content>;

/** What a folder is before anything is changed in it. */
const BASES: readonly FolderChange[] = [
  {},
  { tokenizer: "pair" },
  { tokenizer: "none" },
  { config: { tie_word_embeddings: false } },
  { weights: { prefix: "transformer." } },
  { weights: { shards: 2 } },
  { weights: { dtype: "F16" }, config: { activation_function: "relu" } },
  { tokenizer: "pair", files: { "added_tokens.json": { "<|more|>": END_ID + 1 } }, config: { vocab_size: END_ID + 2 } },
];
export const pickBase = (random: Random): FolderChange => pick(random, BASES);

/** Anything that stands in JSON where another thing is meant. Sizes stay small: what a large one costs is another test's. */
const VALUES: readonly unknown[] = [
  null,
  true,
  false,
  -1,
  0,
  0.5,
  1,
  2,
  3,
  8,
  12,
  31,
  64,
  END_ID,
  END_ID + 1,
  END_ID + 40,
  50256,
  1e-5,
  "",
  "gpt2",
  "none",
  "0",
  "toString",
  "constructor",
  "__proto__",
  END,
  "é\u0000",
  [],
  [0],
  [END_ID, 10],
  [-1],
  ["a"],
  {},
  { id: 3 },
  { toString: 1 },
];

const CONFIG_KEYS = [
  ..."model_type n_layer n_head n_embd n_positions n_ctx n_inner vocab_size n_vocab bos_token_id eos_token_id".split(
    " ",
  ),
  ..."pad_token_id activation_function layer_norm_epsilon tie_word_embeddings scale_attn_weights".split(" "),
  ..."scale_attn_by_inverse_layer_idx add_cross_attention is_encoder_decoder lm_head_bias hidden_size".split(" "),
  ..."num_hidden_layers num_attention_heads architectures auto_map quantization_config torch_dtype".split(" "),
  ..."reorder_and_upcast_attn summary_type use_cache task_specific_params position_encoding resid_pdrop".split(" "),
];
const ACTIVATIONS = "gelu gelu_new gelu_python gelu_pytorch_tanh gelu_fast quick_gelu relu silu tanh swish".split(" ");

type Mutation = (folder: Folder, random: Random) => void;

const objectOf = (folder: Folder, name: string): Json | undefined => {
  const content = folder.get(name);
  return typeof content === "object" && !(content instanceof Uint8Array) ? content : undefined;
};

const changeConfig: Mutation = (folder, random) => {
  const config = objectOf(folder, "config.json");
  if (!config) return;
  const key = pick(random, CONFIG_KEYS);
  const way = random();
  if (way < 0.25) delete config[key];
  else if (way < 0.35) config["activation_function"] = pick(random, ACTIVATIONS);
  else config[key] = pick(random, VALUES);
};

/** A random place in a tree of JSON: its value changed, dropped, or something put beside it. */
export function changeTree(tree: unknown, random: Random): void {
  let place = tree as Json | unknown[];
  for (;;) {
    const keys = Object.keys(place);
    const key = pick(random, keys.length > 40 ? keys.slice(-40) : keys) ?? "new";
    const below = (place as Json)[key];
    if (below !== null && typeof below === "object" && Object.keys(below).length > 0 && random() < 0.8) {
      place = below as Json;
      continue;
    }
    const way = random();
    if (way < 0.25 && Array.isArray(place)) place.splice(Number(key), 1);
    else if (way < 0.25) delete (place as Json)[key];
    else if (way < 0.35 && Array.isArray(place)) place.push(structuredClone(pick(random, VALUES)));
    else
      Object.defineProperty(place, key, {
        // One of its own, for it may be changed in its turn.
        value: structuredClone(pick(random, VALUES)),
        enumerable: true,
        configurable: true,
        writable: true,
      });
    return;
  }
}

/** The tokenizer's JSON files, where the folder has them. */
const changeTokenizer: Mutation = (folder, random) => {
  const names = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "generation_config.json",
  ];
  const there = names.filter((name) => objectOf(folder, name));
  const tree = objectOf(folder, pick(random, there) ?? "");
  if (tree) changeTree(tree, random);
};

const addToken: Mutation = (folder, random) => {
  const json = objectOf(folder, "tokenizer.json");
  const added = json?.["added_tokens"];
  if (!Array.isArray(added)) return;
  const id = pick(random, [END_ID, END_ID + 1, END_ID + 9, 5, -3]);
  added.push(
    addedToken(id, pick(random, ["<|more|>", END, "", " the", "𝔘"]), {
      [pick(random, ["special", "single_word", "lstrip", "rstrip", "normalized", "id", "content"])]: pick(random, [
        true,
        false,
        null,
        7,
      ]),
    }),
  );
};

/** A file that belongs to a checkpoint, with something in it. */
const addFile: Mutation = (folder, random) => {
  const token = pick<unknown>(random, [END, { content: END, lstrip: true }, "<|gone|>", null, 4]);
  const files: Readonly<Record<string, Content>> = {
    "generation_config.json": { eos_token_id: pick(random, VALUES), [pick(random, CONFIG_KEYS)]: pick(random, VALUES) },
    "special_tokens_map.json": {
      eos_token: token,
      [pick(random, ["bos_token", "pad_token", "additional_special_tokens"])]: pick(random, VALUES),
    },
    "tokenizer_config.json": {
      eos_token: token,
      tokenizer_class: pick(random, ["GPT2Tokenizer", "GPT2TokenizerFast", "BertTokenizer", "LlamaTokenizer", 3]),
      added_tokens_decoder: pick(random, [
        {},
        { [END_ID]: { content: END, special: true } },
        { [END_ID + 1]: { content: "<|x|>" } },
        { x: 1 },
        [],
        null,
      ]),
      add_prefix_space: pick(random, [true, false, null, "no"]),
    },
    "added_tokens.json": pick(random, [
      { "<|more|>": END_ID + 1 },
      { "<|more|>": "x" },
      { a: 4 },
      {},
      { "<|far|>": 900 },
    ]),
    "vocab.json": { ...VOCAB },
    "merges.txt": MERGES_TXT,
    "vocab.txt": "[PAD]\n[UNK]\n[CLS]\n[SEP]\nthe\n##s\n",
    "spiece.model": Uint8Array.of(10, 14, 10, 5, 60, 117, 110, 107, 62),
    "tokenizer.json": tokenizerJson([], {
      model: { type: pick(random, ["WordPiece", "Unigram", "WordLevel", "BPE"]), vocab: { a: 0, b: 1 } },
    }),
    "adapter_config.json": { peft_type: "LORA" },
    "adapter_model.safetensors": makeSafetensors({}),
    "pytorch_model.bin": Uint8Array.of(80, 75, 3, 4),
  };
  const name = pick(random, Object.keys(files));
  folder.set(name, files[name] as Content);
};

const changeText: Mutation = (folder, random) => {
  const names = [...folder.keys()].filter((name) => !name.endsWith(".safetensors"));
  const name = pick(random, names);
  const content = folder.get(name);
  if (content === undefined || content instanceof Uint8Array) return;
  const text = typeof content === "string" ? content : JSON.stringify(content);
  const at = Math.floor(random() * text.length);
  folder.set(
    name,
    pick(random, [
      "",
      `\uFEFF${text}`,
      text.slice(0, at),
      text.replaceAll("\n", "\r\n"),
      `${text.slice(0, at)}${pick(random, ["\u0000", "}", "[", '"', "\\", "\uD800", "#"])}${text.slice(at)}`,
      "[]",
      "null",
      "3",
      text.split("\n").slice(1).join("\n"),
      `${text}\nĠ zz\n`,
    ]),
  );
};

const dropFile: Mutation = (folder, random) => {
  folder.delete(pick(random, [...folder.keys()]));
};

const renameFile: Mutation = (folder, random) => {
  const name = pick(random, [...folder.keys()]);
  const content = folder.get(name);
  if (content === undefined) return;
  folder.delete(name);
  folder.set(
    pick(random, ["model.fp16.safetensors", "weights.safetensors", `${name}.bak`, "encoder.json", "vocab.bpe"]),
    content,
  );
};

/** More than once where a case should come up more often. */
const MUTATIONS: readonly Mutation[] = [
  changeConfig,
  changeConfig,
  changeConfig,
  changeTokenizer,
  changeTokenizer,
  addToken,
  addFile,
  addFile,
  changeText,
  dropFile,
  renameFile,
];

/** The folder with one to three things changed in it. */
export function mutate(
  files: Readonly<Record<string, string | Uint8Array>>,
  random: Random,
): Readonly<Record<string, string | Uint8Array>> {
  const folder: Folder = new Map();
  for (const [name, content] of Object.entries(files))
    folder.set(name, typeof content === "string" && name.endsWith(".json") ? (JSON.parse(content) as Json) : content);
  for (let n = 1 + Math.floor(random() * 3); n > 0; n--) if (folder.size > 0) pick(random, MUTATIONS)(folder, random);
  return Object.fromEntries(
    [...folder].map(([name, content]) => [
      name,
      typeof content === "string" || content instanceof Uint8Array ? content : JSON.stringify(content),
    ]),
  );
}
