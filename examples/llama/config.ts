// The hyper-parameters of a decoder of Llama's shape, and which config.json says them (LlamaForCausalLM of transformers).
import {
  type ConfigFile,
  configFile,
  flag,
  oneOf,
  positiveNumber,
  type ReadConfigOptions,
  readEndTokens,
  refuse,
  wholeNumber,
} from "wgpt/ir";

/** The first four are those of every family; `n_kv_head` heads of keys and values serve `n_head` of queries. */
export interface LlamaConfig {
  readonly n_layer: number;
  readonly n_ctx: number;
  readonly n_vocab: number;
  readonly eos_token_ids: readonly number[];
  readonly n_embd: number;
  readonly n_head: number;
  readonly n_kv_head: number;
  readonly head_size: number;
  readonly n_inner: number;
  readonly rms_norm_eps: number;
  readonly rope_theta: number;
  readonly tie_word_embeddings: boolean;
}

/** @throws CompileError that names the key for what the graph can't express. */
export function readLlamaConfig(json: unknown, place = "config.json", options: ReadConfigOptions = {}): LlamaConfig {
  const file = configFile(json, place);
  oneOf(file, "hidden_act", ["silu"], { swish: "silu" }, "silu");
  for (const key of ["attention_bias", "mlp_bias"])
    if (flag(file, key, false)) refuse(file, `${key} is true`, "the graph's layers have no bias");
  const scaling = file.json["rope_scaling"] ?? null;
  if (scaling !== null) refuse(file, `rope_scaling is ${JSON.stringify(scaling)}`, "the graph rotates without scaling");
  const n_embd = wholeNumber(file, ["hidden_size"]);
  const n_head = wholeNumber(file, ["num_attention_heads"]);
  const n_kv_head = sizeOr(file, "num_key_value_heads", n_head);
  const head_size = sizeOr(file, "head_dim", n_embd / n_head);
  if (n_head % n_kv_head !== 0)
    refuse(
      file,
      `num_key_value_heads is ${n_kv_head}, but num_attention_heads is ${n_head}`,
      "the one divides the other",
    );
  if (head_size % 2 !== 0) refuse(file, `head_dim is ${head_size}`, "an even number is rotated, pair by pair");
  const n_vocab = wholeNumber(file, ["vocab_size"]);
  return {
    n_layer: wholeNumber(file, ["num_hidden_layers"]),
    n_ctx: wholeNumber(file, ["max_position_embeddings"]),
    n_vocab,
    eos_token_ids: readEndTokens(file, n_vocab, options),
    n_embd,
    n_head,
    n_kv_head,
    head_size,
    n_inner: wholeNumber(file, ["intermediate_size"]),
    rms_norm_eps: positiveNumber(file, "rms_norm_eps", 1e-6),
    rope_theta: positiveNumber(file, "rope_theta", 10000),
    tie_word_embeddings: flag(file, "tie_word_embeddings", false),
  };
}

/** The size that a file may leave out, or give as null. */
const sizeOr = (file: ConfigFile, key: string, usual: number): number =>
  (file.json[key] ?? null) === null ? usual : wholeNumber(file, [key]);

/** The keys of a config.json that `readLlamaConfig` reads back. */
export const printLlamaConfig = (config: LlamaConfig): Readonly<Record<string, unknown>> => ({
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  eos_token_id: config.eos_token_ids,
  head_dim: config.head_size,
  hidden_act: "silu",
  hidden_size: config.n_embd,
  intermediate_size: config.n_inner,
  max_position_embeddings: config.n_ctx,
  num_attention_heads: config.n_head,
  num_hidden_layers: config.n_layer,
  num_key_value_heads: config.n_kv_head,
  rms_norm_eps: config.rms_norm_eps,
  rope_theta: config.rope_theta,
  tie_word_embeddings: config.tie_word_embeddings,
  vocab_size: config.n_vocab,
});
