// The edit of config.json that makes it describe the weights beside it, where their shapes leave no choice.
import { statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Gpt2Config } from "../ir/index.ts";
import type { WeightSource, WgptError } from "../runtime/index.ts";
import type { StoredTensor } from "../runtime/weights/source.ts";

/** Other names of the sizes, which would contradict the ones that are set. */
const ALIASES = {
  n_embd: ["hidden_size"],
  n_layer: ["num_hidden_layers"],
  n_positions: ["max_position_embeddings", "n_ctx"],
  vocab_size: ["n_vocab"],
  n_inner: [],
} as const;
type Size = keyof typeof ALIASES;

export interface FixedConfig {
  readonly fix: WgptError["fix"];
  /** What the edited file says. */
  readonly config: Gpt2Config;
}

/** The fix for `model`, or undefined where the weights say what the config says, or nothing. */
export function fixConfig(config: Gpt2Config, source: WeightSource, model: string): FixedConfig | undefined {
  const said: Readonly<Record<Size, number>> = { ...config, vocab_size: config.n_vocab };
  const sizes = sizesOf([...source.tensors.values()], config.tie_word_embeddings);
  const keys = (Object.keys(ALIASES) as Size[]).filter((key) => sizes[key] !== undefined && sizes[key] !== said[key]);
  if (keys.length === 0) return undefined;
  const aliases = keys.flatMap((key): readonly string[] => ALIASES[key]);
  const set: Readonly<Partial<Record<Size, number>>> = Object.fromEntries(keys.map((key) => [key, sizes[key]]));
  const { vocab_size = config.n_vocab, ...others } = set;
  return {
    fix: {
      kind: "edit-json",
      file: join(statSync(model).isDirectory() ? model : dirname(model), "config.json"),
      set,
      ...(aliases.length > 0 && { unset: aliases }),
    },
    config: { ...config, ...others, n_vocab: vocab_size },
  };
}

/** The sizes of the model whose weights these are. */
function sizesOf(tensors: readonly StoredTensor[], isTied: boolean): Readonly<Partial<Record<Size, number>>> {
  const shapeOf = (pattern: RegExp): readonly number[] => tensors.find(({ name }) => pattern.test(name))?.shape ?? [];
  const wte = shapeOf(/(^|\.)wte\.weight$/);
  const [vocab_size, n_embd] = wte.length === 0 && isTied ? shapeOf(/(^|\.)lm_head\.weight$/) : wte;
  const [n_positions] = shapeOf(/(^|\.)wpe\.weight$/);
  const [n_inner] = shapeOf(/(^|\.)h\.0\.mlp\.c_fc\.bias$/);
  const layers = new Set(tensors.flatMap(({ name }) => /(?:^|\.)h\.(\d+)\.ln_1\.weight$/.exec(name)?.[1] ?? []));
  const sizes = { vocab_size, n_embd, n_positions, n_inner, n_layer: layers.size > 0 ? layers.size : undefined };
  return Object.fromEntries(Object.entries(sizes).filter(([, size]) => size !== undefined && size > 0));
}
