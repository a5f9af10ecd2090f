// Where a model's vocabulary and its tokenizer's differ: rows without a text, texts without a row, and which tokens end a
// text. One policy for checkpoints and bundles.

import type { PlanModel } from "../base/plan.ts";
import { RuntimeError } from "./errors.ts";
import { quote } from "./json-values.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Ids of the model that the tokenizer has no text for: padding at the end, or holes. */
export function idsWithoutText(tokenizer: Pick<Tokenizer, "has">, n_vocab: number): number[] {
  return Array.from({ length: n_vocab }, (_, id) => id).filter((id) => !tokenizer.has(id));
}

/**
 * `place` is what errors call the ids.
 * @throws RuntimeError for an id that the model has no row for, with its text where the tokenizer has one.
 */
export function checkIds(place: string, ids: readonly number[], n_vocab: number, tokenizer?: Tokenizer): void {
  const at = ids.findIndex((id) => !Number.isInteger(id) || id < 0 || id >= n_vocab);
  if (at === -1) return;
  const wrong = ids[at] ?? Number.NaN;
  const text = tokenizer?.has(wrong) ? ` (${quote(tokenizer.decode([wrong]))})` : "";
  throw new RuntimeError(place, `token ${wrong}${text} is not in the vocabulary of ${n_vocab}`, {
    code: "bad-token",
    hint: `the model's token ids are 0 to ${n_vocab - 1}`,
  });
}

/** The tokens that end a text of the model: those of its configuration, else the tokenizer's where the model has it. */
export function endTokens(
  { n_vocab, eos_token_ids }: Pick<PlanModel, "n_vocab" | "eos_token_ids">,
  tokenizer: Pick<Tokenizer, "eosToken"> | undefined,
): readonly number[] {
  const end = tokenizer?.eosToken;
  return eos_token_ids.length > 0 || end === undefined || end >= n_vocab ? eos_token_ids : [end];
}

/** What a model's facts and its tokenizer say together. */
export interface Vocabulary {
  /** The tokens that end a text: the model's, else the tokenizer's. */
  readonly eosTokens: readonly number[];
  /** What does not fit together, and what is done about it. */
  readonly warnings: readonly string[];
}

/** `place` is what warnings call the checkpoint. */
export function settleVocabulary(
  place: string,
  facts: Pick<PlanModel, "n_vocab" | "eos_token_ids">,
  tokenizer: Tokenizer | undefined,
): Vocabulary {
  const { n_vocab } = facts;
  const warnings: string[] = [];
  if (tokenizer && tokenizer.vocabSize > n_vocab) {
    const last = tokenizer.vocabSize - 1;
    warnings.push(
      `${place}: the model's vocabulary has ${n_vocab} ids, but the tokenizer's go up to ${last} (${quote(tokenizer.decode([last]))}): a prompt that needs one beyond ${n_vocab - 1} is refused`,
    );
  }
  return { eosTokens: endTokens(facts, tokenizer), warnings: [...(tokenizer?.warnings ?? []), ...warnings] };
}
