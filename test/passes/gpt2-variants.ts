// Small GPT-2s, one for each choice that a config has: what the pipeline is tried on.

import type { Graph } from "../../ir/graph.ts";
import { ACTIVATIONS, type Gpt2Config, POSITION_ENCODINGS, readGpt2Config } from "../../ir/models/gpt2/config.ts";
import { buildGpt2, type LogitsOf } from "../../ir/models/gpt2/graph.ts";
import type { SymbolValues } from "../../ir/type.ts";

const TINY = { n_layer: 2, n_head: 2, n_embd: 8, n_ctx: 8, vocab_size: 11 };

export const tinyGpt2 = (more: Readonly<Record<string, unknown>> = {}): Gpt2Config =>
  readGpt2Config({ ...TINY, ...more });

export interface Variant {
  readonly name: string;
  readonly graph: Graph;
  readonly symbols: SymbolValues;
}

/** Every activation with every position encoding, tied or not, scaled in every way: one config each. */
export const tinyConfigs: readonly Readonly<Record<string, unknown>>[] = ACTIVATIONS.flatMap((activation_function) =>
  POSITION_ENCODINGS.flatMap((position_encoding) =>
    [
      {},
      { tie_word_embeddings: false },
      { scale_attn_weights: false },
      { scale_attn_by_inverse_layer_idx: true },
      { scale_attn_weights: false, scale_attn_by_inverse_layer_idx: true, n_inner: 12, layer_norm_epsilon: 0.5 },
    ].map((more) => ({ activation_function, position_encoding, ...more })),
  ),
);

/** The entry points that are compiled: one token, or any number; logits of the last position, or of all. */
export function* entryPoints(config: Gpt2Config, name = "gpt2"): Generator<Variant> {
  for (const logits of ["last", "all"] satisfies LogitsOf[])
    for (const [step, symbols] of [
      ["decode", { T: 1 }],
      ["prefill", {}],
    ] as const)
      yield { name: `${name} ${step} ${logits}`, graph: buildGpt2(config, logits), symbols };
}
