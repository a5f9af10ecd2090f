// The regular expressions in a tokenizer's file: those of well-known tokenizers go to the library as they are, which gives them to
// JavaScript's engine; each other one is replaced by a LinearPattern in the object that the library makes.
import { fileError } from "./errors.ts";
import { isRecord, quote } from "./json-values.ts";
import { KNOWN_PATTERNS } from "./known-patterns.ts";
import { LinearPattern, loadRegexEngine, type RegexEngine } from "./linear-pattern.ts";

/**
 * What `createTokenizer` needs for a parsed tokenizer.json whose regular expressions are none of the well-known ones: an engine
 * that runs them in linear time, which is loaded for it; undefined for all others.
 */
export const regexEngineFor = async (json: unknown): Promise<RegexEngine | undefined> =>
  isRecord(json) && [json["pre_tokenizer"], json["normalizer"]].some(hasOwnPattern) ? loadRegexEngine() : undefined;

function hasOwnPattern(step: unknown): boolean {
  if (!isRecord(step)) return false;
  const { pattern } = step;
  const isOwn = isRecord(pattern) && typeof pattern["Regex"] === "string" && !KNOWN_PATTERNS.has(pattern["Regex"]);
  return isOwn || SEQUENCES.some(([key]) => Array.isArray(step[key]) && step[key].some(hasOwnPattern));
}

/** A step of normalizing or cutting: what the library is given, and the expressions that then go into what it makes of that. */
export interface StepPatterns {
  readonly step: unknown;
  /** Puts them in the place of those that the library made. */
  apply(made: unknown): void;
}

/** The library compiles it in the place of the expression, and never runs it. */
const NEVER = { String: "\u0000" };

/** A sequence's steps, in the file and in the library's object. */
const SEQUENCES = [
  ["pretokenizers", "tokenizers"],
  ["normalizers", "normalizers"],
] as const;

/**
 * Takes the expressions out of a step and of all steps in it.
 * @throws RuntimeError for one that is no text, or can't be run in linear time.
 */
export function stepPatterns(place: string, step: unknown, engine: RegexEngine | undefined): StepPatterns {
  if (!isRecord(step)) return { step, apply: () => undefined };
  const taken = { ...step };
  const appliers: ((made: Readonly<Record<string, unknown>>) => void)[] = [];
  for (const [key, madeKey] of SEQUENCES) {
    const list = step[key];
    if (!Array.isArray(list)) continue;
    const parts = list.map((part) => stepPatterns(place, part, engine));
    taken[key] = parts.map((part) => part.step);
    appliers.push((made) => {
      const steps = made[madeKey];
      if (Array.isArray(steps)) for (const [i, part] of parts.entries()) part.apply(steps[i]);
    });
  }
  const { pattern } = step;
  if (isRecord(pattern) && pattern["Regex"] !== undefined) {
    const source = pattern["Regex"];
    if (typeof source !== "string")
      throw fileError(
        place,
        `its pattern ${quote(source)} must be a text`,
        "take the file of the tokenizer as it was published",
      );
    if (!KNOWN_PATTERNS.has(source)) {
      const linear = LinearPattern.compile(place, source, engine);
      taken["pattern"] = NEVER;
      appliers.push((made) => Object.assign(made, { pattern: linear }));
    }
  }
  return {
    step: taken,
    apply(made) {
      if ((typeof made === "object" && made !== null) || typeof made === "function")
        for (const apply of appliers) apply(made as Readonly<Record<string, unknown>>);
    },
  };
}
