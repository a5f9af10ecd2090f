// The regular expressions by which a plan says what its checkpoints hold. A bundle's may come from anybody: what could take long in
// JavaScript's engine runs in RE2's, which is loaded then.
import type { CheckpointNames } from "../../base/index.ts";
import { LinearPattern, loadRegexEngine } from "../linear-pattern.ts";

/** Whether a name has what an expression describes. */
export type NamePattern = (source: string) => (name: string) => boolean;

/** In JavaScript's engine: for what a program's own family says. */
export const nativePattern: NamePattern = (source) => {
  const pattern = new RegExp(source);
  return (name) => pattern.test(name);
};

const WAY_OUT = "names of tensors are told by expressions without lookaround";
const MOST_LENGTH = 200;
const MOST_CHOICES = 8;

/** Without repetitions, and with few choices, there are few ways to go through a name. */
function isPlain(source: string): boolean {
  const bare = source.replaceAll(/\\./gs, "").replaceAll("(?:", "(");
  const choices = bare.split("|").length - 1;
  if (source.length > MOST_LENGTH || choices > MOST_CHOICES || /[*+?{]/.test(bare)) return false;
  try {
    return new RegExp(source) !== undefined;
  } catch {
    return false;
  }
}

/**
 * The patterns of what a plan calls its checkpoints' tensors. `place` is what errors call the plan.
 * @throws RuntimeError for one that is none, or that can't be run in linear time.
 */
export async function planPatterns(place: string, names: CheckpointNames | undefined): Promise<NamePattern> {
  const sources = [...(names?.ignored ?? []), ...(names?.refused ?? [])].map((pattern) => pattern.name);
  if (sources.every(isPlain)) return nativePattern;
  const engine = await loadRegexEngine();
  const compiled = new Map(sources.map((source) => [source, LinearPattern.compile(place, source, engine, WAY_OUT)]));
  return (source) => {
    const pattern = compiled.get(source);
    return pattern ? (name) => pattern[Symbol.match](name) !== null : nativePattern(source);
  };
}
