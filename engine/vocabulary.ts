// A model's vocabulary as a command finds it: its tokenizer, the token that ends a text, and what does not fit together.
import type { ModelConfig } from "../ir/index.ts";
import { RuntimeError } from "../runtime/index.ts";
import { type FoundTokenizer, findTokenizer } from "../runtime/tokenizer-files.ts";
import { settleVocabulary } from "../runtime/vocabulary.ts";
import type { ReadModel } from "./read-model.ts";

/** A model's tokenizer, and what it says together with the config. */
export interface FoundVocabulary {
  /** Undefined where there is none, or none that can be read. */
  readonly found: FoundTokenizer | undefined;
  /** The config, with the tokenizer's end token where the checkpoint's config names none in the vocabulary. */
  readonly config: ModelConfig;
  /** Why there is no tokenizer, though there are files of one. */
  readonly unreadable: RuntimeError | undefined;
  readonly warnings: readonly string[];
}

/** Token ids need no tokenizer: one that can't be read is a warning, which ends with what comes of it. */
export async function findVocabulary(model: ReadModel, without: string): Promise<FoundVocabulary> {
  const { name, config, isPreset } = model;
  let unreadable: RuntimeError | undefined;
  const found = await (isPreset ? undefined : findTokenizer(name))?.catch((error: unknown) => {
    if (!(error instanceof RuntimeError)) throw error;
    unreadable = error;
    return undefined;
  });
  const { eosTokens, warnings } = settleVocabulary(name, config, found?.tokenizer);
  return {
    found,
    config: { ...config, eos_token_ids: eosTokens },
    unreadable,
    warnings: [...(unreadable ? [`${unreadable.place}: ${unreadable.facts}: ${without}`] : []), ...warnings],
  };
}
