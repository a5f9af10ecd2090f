// GPT-2's hyper-parameters: read from a checkpoint's config.json or from a preset, and refused where the graph could not
// express what they ask for.
import { CompileError } from "../errors.ts";

/** The functions that an MLP can have. */
export const ACTIVATIONS = ["gelu_new", "gelu", "relu"] as const;
/** One of them. */
export type Activation = (typeof ACTIVATIONS)[number];
/** Other spellings of the same functions in published configs. */
const ACTIVATION_ALIASES: Readonly<Record<string, Activation>> = {
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
  /** Rows of the table of learned positions: n_ctx of the checkpoint, more than a context that was shortened. */
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
  /** The token after which generation stops. */
  readonly eos_token_id: number | undefined;
}

type Json = Readonly<Record<string, unknown>>;

const refuse = (place: string, facts: string, hint?: string): never => {
  throw new CompileError(place, facts, hint);
};

function wholeNumber(json: Json, keys: readonly string[], place: string): number {
  const key = keys.find((k) => json[k] !== undefined && json[k] !== null);
  const value = key === undefined ? undefined : json[key];
  if (typeof value === "number" && Number.isInteger(value) && value > 0) return value;
  return refuse(
    place,
    value === undefined ? `${keys.join(" or ")} is missing` : `${key} is ${JSON.stringify(value)}`,
    "it must be a positive whole number",
  );
}

function flag(json: Json, key: string, fallback: boolean, place: string): boolean {
  const value = json[key] ?? fallback;
  return typeof value === "boolean"
    ? value
    : refuse(place, `${key} is ${JSON.stringify(value)}`, "it must be true or false");
}

function oneOf<const C extends string>(json: Json, key: string, choices: readonly C[], fallback: C, place: string): C {
  const value = json[key] ?? fallback;
  return (
    choices.find((c) => c === value) ??
    refuse(place, `${key} is ${JSON.stringify(value)}`, `wgpt knows ${choices.join(", ")}`)
  );
}

/**
 * Reads a parsed config.json. Defaults are those of Hugging Face's GPT2Config. `place` is what errors call it.
 * @throws CompileError that names the key for anything the graph can't express.
 */
export function readGpt2Config(json: unknown, place = "config.json"): Gpt2Config {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return refuse(place, "is not a JSON object");
  const c = json as Json;
  if (c["model_type"] !== undefined && c["model_type"] !== "gpt2")
    refuse(place, `model_type is ${JSON.stringify(c["model_type"])}`, "wgpt compiles gpt2");
  if (flag(c, "add_cross_attention", false, place))
    refuse(place, "add_cross_attention is true, but the graph is a decoder alone");
  for (const key of ["lm_head_bias", "head_bias"])
    if (flag(c, key, false, place)) refuse(place, `${key} is true, but the head is a matrix without bias`);
  if (c["is_encoder_decoder"] === true) refuse(place, "is_encoder_decoder is true, but the graph is a decoder alone");
  const n_embd = wholeNumber(c, ["n_embd", "hidden_size"], place);
  const n_head = wholeNumber(c, ["n_head", "num_attention_heads"], place);
  if (n_embd % n_head !== 0) refuse(place, `n_embd is ${n_embd}, but n_head is ${n_head}`, "n_head must divide n_embd");
  const alias = ACTIVATION_ALIASES[String(c["activation_function"])];
  const eps = c["layer_norm_epsilon"] ?? 1e-5;
  if (typeof eps !== "number" || !(eps >= 0))
    refuse(place, `layer_norm_epsilon is ${JSON.stringify(eps)}`, "it must be a number, 0 or more");
  const eos = c["eos_token_id"];
  const n_ctx = wholeNumber(c, ["n_ctx", "n_positions"], place);
  const n_positions = wholeNumber(c, ["n_positions", "n_ctx"], place);
  const position_encoding = oneOf(c, "position_encoding", POSITION_ENCODINGS, "learned", place);
  if (position_encoding === "learned" && n_ctx > n_positions)
    refuse(
      place,
      `n_ctx is ${n_ctx}, but n_positions is ${n_positions}`,
      "every token needs a position: n_ctx can't be larger",
    );
  return {
    n_layer: wholeNumber(c, ["n_layer", "num_hidden_layers"], place),
    n_head,
    n_embd,
    n_ctx,
    n_positions,
    n_vocab: wholeNumber(c, ["n_vocab", "vocab_size"], place),
    n_inner: c["n_inner"] === undefined || c["n_inner"] === null ? 4 * n_embd : wholeNumber(c, ["n_inner"], place),
    layer_norm_epsilon: Number(eps),
    activation_function: alias ?? oneOf(c, "activation_function", ACTIVATIONS, "gelu_new", place),
    tie_word_embeddings: flag(c, "tie_word_embeddings", true, place),
    scale_attn_weights: flag(c, "scale_attn_weights", true, place),
    scale_attn_by_inverse_layer_idx: flag(c, "scale_attn_by_inverse_layer_idx", false, place),
    position_encoding,
    eos_token_id: typeof eos === "number" ? eos : undefined,
  };
}

/**
 * The same model for texts of up to `tokens` tokens: its caches shrink, the checkpoint's weights stay what they are.
 * @throws CompileError when the model has no such context.
 */
export function shortenContext(config: Gpt2Config, tokens: number): Gpt2Config {
  if (!Number.isInteger(tokens) || tokens < 1 || tokens > config.n_ctx)
    refuse(
      "context",
      `is to be ${tokens} tokens, but the model's is ${config.n_ctx}`,
      `give a whole number from 1 to ${config.n_ctx}`,
    );
  return { ...config, n_ctx: tokens };
}

const family = (n_layer: number, n_head: number, n_embd: number, more: Json = {}): Gpt2Config =>
  readGpt2Config({ n_layer, n_head, n_embd, n_ctx: 1024, n_vocab: 50257, eos_token_id: 50256, ...more }, "preset");

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
