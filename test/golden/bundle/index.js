// tiny for webgpu-default, compiled by wgpt. Generated: change the model or the compiler's options, not this file.
import { folderOf, loadBundle } from "wgpt/runtime";
/** What is known of the model before it is loaded. */
export const facts = {
  name: "tiny",
  target: "webgpu-default",
  n_layer: 2,
  n_ctx: 32,
  n_vocab: 61,
  eos_token_ids: [60],
  n_head: 2,
  n_embd: 16,
  n_positions: 32,
  n_inner: 64,
  layer_norm_epsilon: 0.00001,
  activation_function: "gelu_new",
  tie_word_embeddings: true,
  scale_attn_weights: true,
  scale_attn_by_inverse_layer_idx: false,
  position_encoding: "learned",
  weights: "f32",
  chunk: 8,
  variants: ["base", "subgroups"],
};
/**
 * Loads the model onto a GPU.
 * @param gpu - a device that is open, or how to choose one; the best adapter when absent.
 * @param weights - a checkpoint's folder or address, or any source; the packed weights when absent.
 * @param options - which variant, and where the bundle's files lie if a bundler moved this module.
 * @throws RuntimeError when no adapter can run it, or the weights are missing or do not fit.
 */
export async function load(gpu, weights, options) {
  const model = await loadBundle(options?.base ?? folderOf(import.meta.url), gpu, weights, options);
  return {
    facts,
    variant: model.variantIn(facts.variants),
    adapter: model.adapter,
    tokenizer: undefined,
    get past() { return model.past; },
    get bufferBytes() { return model.bufferBytes; },
    prefill: (tokens) => model.append(tokens, [1, 61]),
    decode: (token) => model.append([token], [1, 61]),
    logits: (tokens) => model.appendAll(tokens, 61),
    generate: (prompt, options) => model.generate(prompt, options),
    reset: () => model.reset(),
    session: (options) => model.session(options),
    close: () => model.close(),
  };
}
