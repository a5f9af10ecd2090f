// A second family of models as a plugin: a decoder of Llama's shape. The compiler knows nothing of it but what stands here.
import { definePlugin, type Family } from "wgpt/codegen";
import { type LlamaConfig, printLlamaConfig, readLlamaConfig } from "./config.ts";
import { buildLlama, buildLlamaBatch } from "./graph.ts";

export const llama: Family<LlamaConfig> = {
  name: "llama",
  presets: {
    // Small enough to try everything in a second.
    "llama-tiny": readLlamaConfig({
      hidden_size: 64,
      intermediate_size: 176,
      max_position_embeddings: 128,
      num_attention_heads: 8,
      num_hidden_layers: 2,
      num_key_value_heads: 2,
      vocab_size: 256,
    }),
    // TinyLlama-1.1B (arXiv 2401.02385).
    "tinyllama-1.1b": readLlamaConfig({
      hidden_size: 2048,
      intermediate_size: 5632,
      max_position_embeddings: 2048,
      num_attention_heads: 32,
      num_hidden_layers: 22,
      num_key_value_heads: 4,
      rms_norm_eps: 1e-5,
      vocab_size: 32000,
      eos_token_id: 2,
    }),
  },
  readConfig: readLlamaConfig,
  printConfig: printLlamaConfig,
  // As `LlamaForCausalLM.save_pretrained` names tensors.
  names: {
    prefix: "model.",
    tied: { embedding: "embed_tokens.weight", head: "lm_head.weight", key: "tie_word_embeddings" },
    ignored: [{ name: "rotary_emb\\.inv_freq$" }],
  },
  initialisation: { layer: "(?:^|\\.)layers\\.(\\d+)\\.", rules: [] },
  graph: (config, entry) => buildLlama(config, entry === "logits" ? "all" : "last"),
  batch: (config, spec, entry) => buildLlamaBatch(config, spec, entry === "decode"),
};

export default definePlugin({ name: "llama", families: [llama] });
