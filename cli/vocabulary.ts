// A model's vocabulary as a command finds it: its tokenizer, the token that ends a text, and what does not fit together.
import { type Gpt2Config, isPreset } from "../ir/index.ts";
import { RuntimeError } from "../runtime/index.ts";
import { type FoundTokenizer, findTokenizer } from "../runtime/tokenizer-files.ts";
import { settleVocabulary } from "../runtime/vocabulary.ts";

export interface FoundVocabulary {
  readonly found: FoundTokenizer | undefined;
  /** Its end token is the tokenizer's where the checkpoint's config names none that can be. */
  readonly config: Gpt2Config;
  /** Why there is no tokenizer, though there are files of one. */
  readonly unreadable: RuntimeError | undefined;
  readonly warnings: readonly string[];
}

/** Token ids need no tokenizer: one that can't be read is a warning, which ends with what comes of it. */
export async function findVocabulary(model: string, config: Gpt2Config, without: string): Promise<FoundVocabulary> {
  let unreadable: RuntimeError | undefined;
  const found = await (isPreset(model) ? undefined : findTokenizer(model))?.catch((error: unknown) => {
    if (!(error instanceof RuntimeError)) throw error;
    unreadable = error;
    return undefined;
  });
  const { eosTokens, warnings } = settleVocabulary(model, config, found?.tokenizer);
  return {
    found,
    config: { ...config, eos_token_ids: eosTokens },
    unreadable,
    warnings: [...(unreadable ? [`${unreadable.place}: ${unreadable.facts}: ${without}`] : []), ...warnings],
  };
}
