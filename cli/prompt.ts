// The tokens that a command works on: from --tokens, from a text, or from stdin.

import { USE_IDS } from "../engine/index.ts";
import { checkIds, optionError, type RuntimeError, type Tokenizer } from "../runtime/index.ts";
import { readStdin } from "./usage.ts";

export interface InputOptions {
  readonly text: string | undefined;
  readonly tokens: readonly number[] | undefined;
  /** The arguments that gave the text, where it is not the text itself. */
  readonly textArguments?: readonly string[];
}

/** What was asked for, before any model is there to read it. */
export type Input =
  | { readonly ids: readonly number[] }
  | { readonly text: string /** Of the command line. */; readonly textArguments: readonly string[] };

export interface Prompt {
  readonly ids: readonly number[];
  readonly text: string | undefined;
  readonly warnings: readonly string[];
}

/** Undefined when nothing was asked for, and stdin is a terminal or empty. */
export async function readInput({ text, tokens, textArguments }: InputOptions): Promise<Input | undefined> {
  if (tokens !== undefined) {
    if (text !== undefined) throw optionError("--tokens", "is given, but so is a text", "give one of them");
    return { ids: tokens };
  }
  const asked = text === undefined || text === "-";
  const read = asked ? await stdinText(text === "-") : text;
  if (read === undefined || read === "") return undefined;
  return { text: read, textArguments: textArguments ?? (text === undefined ? [] : [text]) };
}

async function stdinText(asked: boolean): Promise<string | undefined> {
  if (process.stdin.isTTY && !asked) return undefined;
  return readStdin();
}

/** What reads the input. */
export interface Reader {
  readonly tokenizer: Tokenizer | undefined;
  readonly n_vocab: number;
  /** Take special tokens in a text for themselves. */
  readonly special: boolean;
}

/**
 * The input's ids.
 * @throws RuntimeError for a text without a tokenizer, and ids that the model does not have.
 */
export function encodeInput(input: Input, { tokenizer, n_vocab, special }: Reader): Prompt {
  if ("ids" in input) {
    checkIds("--tokens", input.ids, n_vocab, tokenizer);
    return { ids: input.ids, text: undefined, warnings: [] };
  }
  const { text } = input;
  if (!tokenizer) {
    const hint = "put tokenizer.json into the model's folder";
    throw withTokens(optionError("text", "is given, but the model has no tokenizer", hint), input);
  }
  const ids = tokenizer.encode(text, { allowSpecial: special });
  checkIds("text", ids, n_vocab, tokenizer);
  return { ids, text, warnings: special ? [] : warnOfSpecial(tokenizer, text, ids) };
}

/** Text from outside must not end a document, so special tokens are off; but who typed one may not know. */
function warnOfSpecial(tokenizer: Tokenizer, text: string, ids: readonly number[]): readonly string[] {
  const spelled = tokenizer.specialTokens.filter((token) => text.includes(token));
  if (spelled.length === 0 || ids.join() === tokenizer.encode(text, { allowSpecial: true }).join()) return [];
  return [`the text spells ${spelled.join(", ")}, which is read as ordinary text; give --special to mean the token`];
}

/** The refusal of a text, with the way out that a command has: ids in its place. */
export function withTokens({ place, facts, hint, fix }: RuntimeError, input: Input): RuntimeError {
  const drop = "text" in input ? input.textArguments : [];
  const other = hint === undefined || hint === USE_IDS ? "" : `; or ${hint}`;
  return optionError(
    place,
    facts,
    `give --tokens 1,2,3 in place of the text${other}`,
    fix ?? { kind: "options", add: ["--tokens", "0"], drop },
  );
}
