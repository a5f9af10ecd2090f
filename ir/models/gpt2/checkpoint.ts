// What published GPT-2 checkpoints hold: names besides the graph's, what weights are before training, and which config.json their
// shapes leave no choice about.
import type { CheckpointNames, Initialisation } from "../../../base/checkpoint-names.ts";
import type { FittedConfig, NamedShape } from "../../family.ts";
import type { Gpt2Config } from "./config.ts";

export const GPT2_NAMES: CheckpointNames = {
  // What `GPT2LMHeadModel.save_pretrained` writes before every name but the head's.
  prefix: "transformer.",
  tied: { embedding: "wte.weight", head: "lm_head.weight", key: "tie_word_embeddings" },
  // The causal mask (`h.N.attn.c_attn.bias` is a weight!), its number, and a copy of the tied head.
  ignored: [
    { name: "(^|\\.)(attn\\.masked_bias|lm_head\\.weight)$" },
    { name: "(^|\\.)attn\\.bias$", shape: [1, 1, "n", "n"] },
  ],
  refused: [
    {
      name: "(^|\\.)lm_head\\.bias$|\\.crossattention\\.|\\.ln_cross_attn\\.",
      why: "the graph is a decoder whose head has no bias",
      hint: "wgpt can't compute this model",
    },
  ],
  transposed:
    "GPT-2 keeps its matrices as [in, out] (Conv1D), a Linear's are [out, in]; transpose them in the checkpoint",
};

/**
 * GPT-2's before training (OpenAI's model.py, and Hugging Face's `_init_weights`): normal with standard deviation 0.02, and 0.01 for
 * `wpe`; the matrices that write to the residual stream, `c_proj`, divided by √(2 · layers).
 */
export const GPT2_INITIALISATION: Initialisation = {
  layer: "(?:^|\\.)h\\.(\\d+)\\.",
  rules: [
    { name: "(^|\\.)wpe\\.weight$", std: 0.01 },
    { name: "\\.c_proj\\.weight$", std: 0.02, perLayers: true },
  ],
};

/** Other names of the sizes, which would contradict the ones that are set. */
const ALIASES = {
  n_embd: ["hidden_size"],
  n_layer: ["num_hidden_layers"],
  n_positions: ["max_position_embeddings", "n_ctx"],
  vocab_size: ["n_vocab"],
  n_inner: [],
} as const;
type Size = keyof typeof ALIASES;

/** What config.json has to say of the model whose weights these are; undefined where it says so, or the weights say nothing. */
export function fitGpt2Config(
  config: Gpt2Config,
  tensors: readonly NamedShape[],
): FittedConfig<Gpt2Config> | undefined {
  const said: Readonly<Record<Size, number>> = { ...config, vocab_size: config.n_vocab };
  const sizes = sizesOf(tensors, config.tie_word_embeddings);
  const keys = (Object.keys(ALIASES) as Size[]).filter((key) => sizes[key] !== undefined && sizes[key] !== said[key]);
  if (keys.length === 0) return undefined;
  const set: Readonly<Partial<Record<Size, number>>> = Object.fromEntries(keys.map((key) => [key, sizes[key]]));
  const { vocab_size = config.n_vocab, ...others } = set;
  return {
    set,
    unset: keys.flatMap((key): readonly string[] => ALIASES[key]),
    config: { ...config, ...others, n_vocab: vocab_size },
  };
}

/** The sizes of the model whose weights these are. */
function sizesOf(tensors: readonly NamedShape[], isTied: boolean): Readonly<Partial<Record<Size, number>>> {
  const shapeOf = (pattern: RegExp): readonly number[] => tensors.find(({ name }) => pattern.test(name))?.shape ?? [];
  const wte = shapeOf(/(^|\.)wte\.weight$/);
  const [vocab_size, n_embd] = wte.length === 0 && isTied ? shapeOf(/(^|\.)lm_head\.weight$/) : wte;
  const [n_positions] = shapeOf(/(^|\.)wpe\.weight$/);
  const [n_inner] = shapeOf(/(^|\.)h\.0\.mlp\.c_fc\.bias$/);
  const layers = new Set(tensors.flatMap(({ name }) => /(?:^|\.)h\.(\d+)\.ln_1\.weight$/.exec(name)?.[1] ?? []));
  const sizes = { vocab_size, n_embd, n_positions, n_inner, n_layer: layers.size > 0 ? layers.size : undefined };
  return Object.fromEntries(Object.entries(sizes).filter(([, size]) => size !== undefined && size > 0));
}
