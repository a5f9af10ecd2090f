// The tokens that a command works on: from --tokens, from a text, or from stdin.
import { RuntimeError, type Tokenizer } from "../runtime/index.ts";
import { readStdin } from "./usage.ts";

export interface PromptOptions {
  readonly text: string | undefined;
  readonly tokens: readonly number[] | undefined;
  readonly special?: boolean | undefined;
}

export interface Prompt {
  readonly ids: readonly number[];
  readonly text: string | undefined;
}

/** What was asked for; undefined when nothing was, and stdin is a terminal or empty. */
export async function readPrompt(
  options: PromptOptions,
  tokenizer: Tokenizer | undefined,
): Promise<Prompt | undefined> {
  if (options.tokens !== undefined) {
    if (options.text !== undefined)
      throw new RuntimeError("--tokens", "is given, but so is a text", "give one of them");
    return { ids: options.tokens, text: undefined };
  }
  const text =
    options.text === undefined || options.text === "-" ? await stdinText(options.text === "-") : options.text;
  if (text === undefined || text === "") return undefined;
  if (!tokenizer)
    throw new RuntimeError(
      "text",
      "is given, but the model has no tokenizer",
      "give --tokens 1,2,3, or put tokenizer.json into the model's folder",
    );
  return { ids: tokenizer.encode(text, { allowSpecial: options.special ?? false }), text };
}

async function stdinText(asked: boolean): Promise<string | undefined> {
  if (process.stdin.isTTY && !asked) return undefined;
  return readStdin();
}
