// GPT-2's hyper-parameters: read from a checkpoint's config.json or from a preset, and refused where the graph could not
// express what they ask for.
import { shortJson } from "../../../base/short-json.ts";
import type { ReadConfigOptions } from "../../family.ts";
import { type ConfigFile, configFile, flag, oneOf, positiveNumber, refuse, wholeNumber } from "../config-keys.ts";
import { readEndTokens } from "../end-tokens.ts";
import { checkExtras } from "./config-extras.ts";

/** The functions that an MLP can have. */
export const ACTIVATIONS = ["gelu_new", "gelu", "relu"] as const;
/** One of them. */
export type Activation = (typeof ACTIVATIONS)[number];
/**
 * Other names of the same functions in published configs, all but one equal in every bit of their constants. `gelu_fast`
 * writes √(2/π) with ten digits, which is the same f32: the two functions are nowhere further apart than a hundredth of
 * what rounding to f32 changes. `quick_gelu` (x·σ(1.702x)) and `gelu_10` (clipped) are other functions.
 */
const ACTIVATION_ALIASES: Readonly<Record<string, Activation>> = {
  gelu_python: "gelu",
  gelu_accurate: "gelu_new",
  gelu_fast: "gelu_new",
  gelu_python_tanh: "gelu_new",
  gelu_pytorch_tanh: "gelu_new",
  gelu_tanh: "gelu_new",
};

/** How positions are told: a table of the checkpoint, or sines and cosines. */
export const POSITION_ENCODINGS = ["learned", "sinusoidal"] as const;
/** One of them. */
export type PositionEncoding = (typeof POSITION_ENCODINGS)[number];

/** The keys are GPT-2's own, but for `n_vocab` (Hugging Face: vocab_size) and `position_encoding` (ours). */
export interface Gpt2Config {
  readonly n_layer: number;
  readonly n_head: number;
  readonly n_embd: number;
  /** The longest text: caches have a row for each of its tokens. */
  readonly n_ctx: number;
  /** Rows of the table of learned positions: the checkpoint's context, more than one that was shortened. */
  readonly n_positions: number;
  readonly n_vocab: number;
  /** Width of the MLP; 4·n_embd where a config has null. */
  readonly n_inner: number;
  readonly layer_norm_epsilon: number;
  readonly activation_function: Activation;
  /** The head is wteᵀ. */
  readonly tie_word_embeddings: boolean;
  /** Scores are divided by √(head size). */
  readonly scale_attn_weights: boolean;
  /** Scores are also divided by (layer index + 1). */
  readonly scale_attn_by_inverse_layer_idx: boolean;
  readonly position_encoding: PositionEncoding;
  /** The tokens that end a text, the first of them its own; none where the model has no end. */
  readonly eos_token_ids: readonly number[];
}

/**
 * Reads a parsed config.json. Defaults are those of Hugging Face's GPT2Config. `place` is what errors call it.
 * @throws CompileError that names the key for anything the graph can't express.
 */
export function readGpt2Config(json: unknown, place = "config.json", options: ReadConfigOptions = {}): Gpt2Config {
  const { warn = () => undefined } = options;
  const file = configFile(json, place);
  checkExtras(file, warn);
  const n_embd = wholeNumber(file, ["n_embd", "hidden_size"], 768);
  const n_head = wholeNumber(file, ["n_head", "num_attention_heads"], 12);
  if (n_embd % n_head !== 0) refuse(file, `n_embd is ${n_embd}, but n_head is ${n_head}`, "n_head must divide n_embd");
  const kv_heads = file.json["num_key_value_heads"] ?? n_head;
  if (kv_heads !== n_head)
    refuse(file, `num_key_value_heads is ${shortJson(kv_heads)}, but n_head is ${n_head}, and GPT-2's are equal`);
  const n_vocab = wholeNumber(file, ["vocab_size", "n_vocab"], 50257);
  const n_positions = readPositions(file);
  return {
    n_layer: wholeNumber(file, ["n_layer", "num_hidden_layers"], 12),
    n_head,
    n_embd,
    n_ctx: n_positions,
    n_positions,
    n_vocab,
    n_inner: (file.json["n_inner"] ?? null) === null ? 4 * n_embd : wholeNumber(file, ["n_inner"]),
    layer_norm_epsilon: positiveNumber(file, "layer_norm_epsilon", 1e-5),
    activation_function: oneOf(file, "activation_function", ACTIVATIONS, ACTIVATION_ALIASES, "gelu_new"),
    tie_word_embeddings: flag(file, "tie_word_embeddings", true),
    scale_attn_weights: flag(file, "scale_attn_weights", true),
    scale_attn_by_inverse_layer_idx: flag(file, "scale_attn_by_inverse_layer_idx", false),
    position_encoding: oneOf(file, "position_encoding", POSITION_ENCODINGS, {}, "learned"),
    eos_token_ids: readEndTokens(file, n_vocab, options),
  };
}

/** `n_ctx` counts only where nothing else does: configs keep one that was never changed. */
function readPositions(file: ConfigFile): number {
  const { n_positions = null, max_position_embeddings = null, n_ctx = null } = file.json;
  const onlyContext = n_positions === null && max_position_embeddings === null && n_ctx !== null;
  return wholeNumber(file, onlyContext ? ["n_ctx"] : ["n_positions", "max_position_embeddings"], 1024);
}

const family = (n_layer: number, n_head: number, n_embd: number, more: object = {}): Gpt2Config =>
  readGpt2Config(
    { n_layer, n_head, n_embd, n_positions: 1024, n_vocab: 50257, eos_token_id: 50256, ...more },
    "preset",
  );

/**
 * The released family, and the GPT-2 XL of a common overview, which gives it 20 heads, fixed sinusoidal positions and
 * ReLU: the same widths, another model.
 */
export const PRESETS: Readonly<Record<string, Gpt2Config>> = {
  gpt2: family(12, 12, 768),
  "gpt2-medium": family(24, 16, 1024),
  "gpt2-large": family(36, 20, 1280),
  "gpt2-xl": family(48, 25, 1600),
  "gpt2-xl-overview": family(48, 20, 1600, { position_encoding: "sinusoidal", activation_function: "relu" }),
};

/** Whether a model is meant by a preset's name, and not by a folder. */
export const isPreset = (model: string): boolean => Object.hasOwn(PRESETS, model);
