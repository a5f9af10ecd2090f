// What a family of language models is to the compiler and to the commands: which config.json it reads, and the graphs of its
// entry points. A family is a value in a toolkit; no other file knows one by name.
import type { BatchSpec } from "../base/batch.ts";
import type { CheckpointNames, Initialisation } from "../base/checkpoint-names.ts";
import type { PlanModel, PlanRoles } from "../base/plan.ts";
import { configError } from "./errors.ts";
import type { Graph } from "./graph.ts";
import type { Json } from "./models/config-keys.ts";
import { type SymbolValues, symbol } from "./type.ts";

export { BATCH_BUFFERS, type BatchSpec } from "../base/batch.ts";
export type {
  CheckpointNames,
  Initialisation,
  InitialRule,
  RefusedTensor,
  TensorPattern,
  TiedHead,
} from "../base/checkpoint-names.ts";

/** What every configuration says, whatever its family: layers, context, vocabulary and end tokens, under GPT-2's names. */
export type ModelConfig = PlanModel;

/** The ways to call a language model. */
export const ENTRY_NAMES = ["prefill", "decode", "logits"] as const;
/** `prefill` and `decode` give the last position's logits and draw a token, `logits` gives every position's. */
export type EntryName = (typeof ENTRY_NAMES)[number];

/** How many tokens a call adds to the sequence: `T`, 1 or more. */
export const NEW_TOKENS = symbol("T");
/** How many tokens were there before: `P`, 0 or more. */
export const PAST_TOKENS = symbol("P", 0);

/** One way to call what is compiled: a graph, the symbols that this way fixes, and the largest values of the others. */
export interface EntrySpec {
  readonly name: string;
  readonly graph: Graph;
  readonly fixed?: SymbolValues;
  /** What is what to a language model's runtime, by the graph's names; absent where the graph is none. */
  readonly roles?: PlanRoles;
  /** Bounds for the symbols that are not fixed. Where entry points share a symbol, one may give it for all; the largest counts. */
  readonly maxima?: SymbolValues;
}

/** What a family's graphs call what the runtime of language models writes and reads. */
export interface ModelRoles {
  /** The state i32[n_ctx + 1] that holds the sequence. */
  readonly tokens: string;
  /** The inputs of the draw; see `drawToken`. */
  readonly settings: string;
  readonly seed: string;
  readonly suppressed: string;
  /** The symbols of new and of past tokens. */
  readonly newTokens: string;
  readonly pastTokens: string;
}

/** The names that a family's graphs have unless it says otherwise. */
export const MODEL_ROLES: ModelRoles = {
  tokens: "tokens",
  settings: "settings",
  seed: "seed",
  suppressed: "suppressed",
  newTokens: "T",
  pastTokens: "P",
};

/** What reading a config may take into account besides it. */
export interface ReadConfigOptions {
  /** generation_config.json, parsed, and what errors call it: its end tokens count before those of config.json. */
  readonly generation?: { readonly json: unknown; readonly place: string };
  /** Hears what is no error, but should be known: a token id that is ignored, a key that is. */
  readonly warn?: (text: string) => void;
}

/** A tensor of a checkpoint. */
export interface NamedShape {
  readonly name: string;
  readonly shape: readonly number[];
}

/** A config that describes the weights beside it: the keys of config.json to set and to take away, and what it says then. */
export interface FittedConfig<C extends ModelConfig = ModelConfig> {
  readonly set: Readonly<Record<string, unknown>>;
  readonly unset: readonly string[];
  readonly config: C;
}

/** A family of language models, over its own type of configuration. */
export interface Family<C extends ModelConfig = ModelConfig> {
  /** As `model_type` of a config.json has it: `gpt2`. */
  readonly name: string;
  /** Configurations that have a name. */
  readonly presets: Readonly<Record<string, C>>;
  /**
   * Reads a parsed config.json. `place` is what errors call it.
   * @throws CompileError that names the key for anything that the family's graphs can't express.
   */
  readConfig(json: unknown, place?: string, options?: ReadConfigOptions): C;
  /** The keys of a config.json that `readConfig` reads back as `config`. */
  printConfig(config: C): Json;
  /** What its checkpoints hold besides the weights of its graphs, and other names of those; nothing when absent. */
  readonly names?: CheckpointNames;
  /** What its weights are before training: those of `openRandomWeights` when absent. */
  readonly initialisation?: Initialisation;
  /** The config that describes the model whose tensors these are, where their shapes leave no choice and `config` says otherwise. */
  fitConfig?(config: C, tensors: readonly NamedShape[]): FittedConfig<C> | undefined;
  /** What its graphs call what they have in common; `MODEL_ROLES` when absent. */
  readonly roles?: ModelRoles;
  /**
   * The graph of an entry point, over the symbols of new and past tokens (`NEW_TOKENS` and `PAST_TOKENS`, unless its roles name
   * others; T + P ≤ n_ctx). Its tokens lie in the state `tokens` i32[n_ctx + 1]; its first result are the logits, f32[T, n_vocab] for `logits`, else f32[1, n_vocab], where `drawToken` ends it.
   */
  graph(config: C, entry: EntryName): Graph;
  /**
   * The graph of a batch's entry point over T rows, whatever sequences they belong to; absent where the family has none. Its states are
   * `BATCH_BUFFERS`; its first result are the logits f32[T, n_vocab]. `decode` has a row for each sequence, draws a token for each with
   * `settings` f32[T, 5], `seed` u32[T] and `suppressed` u32[T, ⌈n_vocab/32⌉], and appends it; `logits` draws nothing.
   */
  batch?(config: C, spec: BatchSpec, entry: "decode" | "logits"): Graph;
}

/**
 * The same model for texts of up to `tokens` tokens: its caches shrink, the checkpoint's weights stay what they are.
 * @throws CompileError when the model has no such context.
 */
export function shortenContext<C extends ModelConfig>(config: C, tokens: number): C {
  if (!Number.isInteger(tokens) || tokens < 1 || tokens > config.n_ctx)
    throw configError(
      "context",
      `is to be ${tokens} tokens, but the model's is ${config.n_ctx}`,
      `give a whole number from 1 to ${config.n_ctx}`,
    );
  return { ...config, n_ctx: tokens };
}
