// What a call is given, against what it takes. Types hold a program in TypeScript to that; one in JavaScript, and values that come
// from JSON or a form, are held to nothing. What is of another type must not be taken for something else, or not at all.
import { shortValue } from "../base/index.ts";
import { optionError } from "./errors.ts";
import { isId } from "./json-values.ts";

type Test = (x: unknown) => boolean;

const isList = (x: unknown): x is ArrayLike<unknown> =>
  Array.isArray(x) || (ArrayBuffer.isView(x) && !(x instanceof DataView));
const isListOf =
  (test: Test): Test =>
  (x) =>
    isList(x) && Array.from(x).every(test);

const KINDS = {
  number: ["a number", (x) => typeof x === "number"],
  limit: ["a number from 0 on", (x) => typeof x === "number" && x >= 0],
  text: ["a text", (x) => typeof x === "string"],
  flag: ["true or false", (x) => typeof x === "boolean"],
  function: ["a function", (x) => typeof x === "function"],
  texts: ["a list of texts", isListOf((x) => typeof x === "string")],
  ids: ["a list of token ids", isListOf(isId)],
  list: ["a list", isList],
  signal: [
    "an AbortSignal",
    (x) => typeof x === "object" && x !== null && "aborted" in x && typeof x.aborted === "boolean",
  ],
  object: ["an object", (x) => typeof x === "object" && x !== null],
} as const satisfies Record<string, readonly [string, Test]>;

/** What an option has to be: of a kind, or one of these texts. */
export type OptionKind = keyof typeof KINDS | readonly string[];

/**
 * Checks those of a call's options that are there. `call` is what errors call it.
 * @throws RuntimeError for options that are no object, and for one of another kind.
 */
export function checkOptions<T extends object>(
  call: string,
  options: T | undefined,
  kinds: { readonly [K in keyof T]?: OptionKind },
): void {
  if (options === undefined) return;
  if (typeof options !== "object" || options === null)
    throw optionError(call, `is given ${shortValue(options)} as options, but those are an object`, "leave them out");
  for (const [name, kind] of Object.entries<OptionKind | undefined>(kinds)) {
    const value: unknown = options[name as keyof T];
    if (value === undefined || kind === undefined) continue;
    const [what, fits] = kindOf(kind);
    if (!fits(value))
      throw optionError(call, `${name} is ${shortValue(value)}, but it must be ${what}`, "leave it out, or correct it");
  }
}

const kindOf = (kind: OptionKind): readonly [what: string, test: Test] =>
  typeof kind === "string" ? KINDS[kind] : [kind.join(" or "), (x) => kind.some((name) => name === x)];

/**
 * A copy of token ids, whose values are checked where the vocabulary is known.
 * @throws RuntimeError for what is no list.
 */
export function copyIds(call: string, ids: readonly number[]): number[] {
  if (isList(ids)) return Array.from(ids);
  throw optionError(
    call,
    `is given ${shortValue(ids)}, but token ids are a list of numbers`,
    "give a list such as [1, 2]",
  );
}

/**
 * A text as it is, or a copy of token ids.
 * @throws RuntimeError for what is neither.
 */
export function copyPrompt<T extends string | readonly number[]>(call: string, prompt: T): string | number[] {
  if (typeof prompt === "string") return prompt;
  if (isList(prompt)) return copyIds(call, prompt);
  throw optionError(
    call,
    `is given ${shortValue(prompt)}, but it takes a text or a list of token ids`,
    "give one of them",
  );
}
