// GPT-2 as a family: all that the compiler and the commands ask of it.
import type { Family } from "../../family.ts";
import { fitGpt2Config, GPT2_INITIALISATION, GPT2_NAMES } from "./checkpoint.ts";
import { type Gpt2Config, PRESETS, readGpt2Config } from "./config.ts";
import { buildGpt2, buildGpt2Batch } from "./graph.ts";

/** OpenAI's GPT-2 (2019), as `GPT2LMHeadModel` of transformers computes it. */
export const gpt2: Family<Gpt2Config> = {
  name: "gpt2",
  presets: PRESETS,
  readConfig: readGpt2Config,
  printConfig,
  names: GPT2_NAMES,
  initialisation: GPT2_INITIALISATION,
  fitConfig: fitGpt2Config,
  graph: (config, entry) => buildGpt2(config, entry === "logits" ? "all" : "last", "sequence"),
  batch: buildGpt2Batch,
};

function printConfig(config: Gpt2Config): Readonly<Record<string, unknown>> {
  const [first = null, ...others] = config.eos_token_ids;
  return {
    activation_function: config.activation_function,
    architectures: ["GPT2LMHeadModel"],
    bos_token_id: first,
    eos_token_id: others.length > 0 ? config.eos_token_ids : first,
    layer_norm_epsilon: config.layer_norm_epsilon,
    model_type: "gpt2",
    n_ctx: config.n_ctx,
    n_embd: config.n_embd,
    n_head: config.n_head,
    n_inner: config.n_inner === 4 * config.n_embd ? null : config.n_inner,
    n_layer: config.n_layer,
    n_positions: config.n_positions,
    // Hugging Face has no such key and only learned positions.
    ...(config.position_encoding === "learned" ? {} : { position_encoding: config.position_encoding }),
    scale_attn_by_inverse_layer_idx: config.scale_attn_by_inverse_layer_idx,
    scale_attn_weights: config.scale_attn_weights,
    tie_word_embeddings: config.tie_word_embeddings,
    vocab_size: config.n_vocab,
  };
}
