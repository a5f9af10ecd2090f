// Typed keys of a config file, whatever model it describes: a value of a type that is not understood is refused by name,
// with the edit that mends it where there is no choice.
import { shortJson } from "../../base/short-json.ts";
import { configError } from "../errors.ts";

/** An object of a JSON file. */
export type Json = Readonly<Record<string, unknown>>;

/** A parsed config file, and what errors call it. */
export interface ConfigFile {
  readonly place: string;
  readonly json: Json;
}

/** What to change in the file. */
export interface Edit {
  readonly set?: Json;
  readonly unset?: readonly string[];
}

/** @throws CompileError when it is no object. */
export function configFile(json: unknown, place: string): ConfigFile {
  if (typeof json === "object" && json !== null && !Array.isArray(json)) return { place, json: json as Json };
  throw configError(place, "is not a JSON object");
}

/** Throws the refusal of a file. Only what lies in a JSON file of its own can be edited by a program. */
export function refuse({ place }: ConfigFile, facts: string, hint?: string, edit?: Edit): never {
  const fix = edit && place.endsWith(".json") ? ({ kind: "edit-json", file: place, ...edit } as const) : undefined;
  throw configError(place, facts, hint, fix);
}

const said = ({ json }: ConfigFile, key: string): boolean => json[key] !== undefined && json[key] !== null;
const print = (value: unknown): string => shortJson(value);

/** A number that somebody wrote as text: there is no choice what it means. */
const numberInText = (value: unknown): number =>
  typeof value === "string" && value.trim() !== "" ? Number(value) : Number.NaN;

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) > 0;

/**
 * A size under any of its names. Two names that disagree are refused. `usual` is Hugging Face's default, the way out where
 * the key is missing.
 */
export function wholeNumber(file: ConfigFile, keys: readonly [string, ...string[]], usual?: number): number {
  const [first = keys[0], ...others] = keys.filter((key) => said(file, key));
  const value = file.json[first];
  if (value === undefined || value === null)
    return refuse(
      file,
      `${keys.join(" or ")} is missing`,
      `it must be a positive whole number${usual === undefined ? "" : `; transformers takes ${usual}`}`,
      usual === undefined ? undefined : { set: { [keys[0]]: usual } },
    );
  if (!isSize(value)) {
    const meant = numberInText(value);
    return refuse(
      file,
      `${first} is ${print(value)}`,
      "it must be a positive whole number",
      isSize(meant) ? { set: { [first]: meant } } : undefined,
    );
  }
  const other = others.find((key) => file.json[key] !== value);
  if (other !== undefined)
    return refuse(
      file,
      `${first} is ${value}, but ${other} is ${print(file.json[other])}`,
      "they are two names of one size: remove the wrong one",
    );
  return value;
}

/** What Python takes for true and false, and how people write them. */
const MEANT: ReadonlyMap<unknown, boolean> = new Map<unknown, boolean>([
  ...[null, 0, "false", "False"].map((value) => [value, false] as const),
  ...[1, "true", "True"].map((value) => [value, true] as const),
]);

/** `key` as true or false. Null is what Python takes for false: it is refused where the default is true. */
export function flag(file: ConfigFile, key: string, fallback: boolean): boolean {
  const value = file.json[key];
  if (value === undefined) return fallback;
  if (value === null && !fallback) return false;
  if (typeof value === "boolean") return value;
  const meant = MEANT.get(value);
  return refuse(
    file,
    `${key} is ${print(value)}`,
    "it must be true or false",
    meant === undefined ? undefined : { set: { [key]: meant } },
  );
}

/** `key` as a number, 0 or more, that f32 can hold. */
export function positiveNumber(file: ConfigFile, key: string, fallback: number): number {
  const value = file.json[key] === undefined ? fallback : file.json[key];
  const isFine = (x: unknown): x is number => typeof x === "number" && x >= 0 && Number.isFinite(Math.fround(x));
  if (isFine(value)) return value;
  const meant = numberInText(value);
  return refuse(
    file,
    `${key} is ${print(value)}`,
    "it must be a number, 0 or more",
    isFine(meant) ? { set: { [key]: meant } } : value === null ? { unset: [key] } : undefined,
  );
}

/** `key` as one of `choices`. */
export function oneOf<const C extends string>(
  file: ConfigFile,
  key: string,
  choices: readonly C[],
  aliases: Readonly<Record<string, C>>,
  fallback: C,
): C {
  const value = file.json[key] === undefined ? fallback : file.json[key];
  const alias = typeof value === "string" && Object.hasOwn(aliases, value) ? aliases[value] : undefined;
  return (
    alias ??
    choices.find((c) => c === value) ??
    refuse(file, `${key} is ${print(value)}`, `wgpt knows ${[...choices, ...Object.keys(aliases)].join(", ")}`)
  );
}

/** The token ids that `key` lists: one, several or, for null and where it is absent, none. */
export function tokenIds(file: ConfigFile, key: string): readonly number[] {
  if (!said(file, key)) return [];
  const value = file.json[key];
  const ids: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (ids.every((id): id is number => Number.isSafeInteger(id))) return [...new Set(ids)];
  const meant = ids.map((id) => (typeof id === "number" ? id : numberInText(id)));
  return refuse(
    file,
    `${key} is ${print(value)}`,
    "it must be a token id, a list of them, or null",
    meant.length > 0 && meant.every(Number.isSafeInteger)
      ? { set: { [key]: Array.isArray(value) ? meant : meant[0] } }
      : { unset: [key] },
  );
}
