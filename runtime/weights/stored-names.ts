// Under which name a checkpoint stores a weight. Training wraps a model in others, and each puts its own name before, or
// into, those of the weights: `transformer.` of Hugging Face's language model, `_orig_mod.` of torch.compile, `module.` of
// data parallelism, and any name that somebody gave the model as a part of theirs.
import { fileError } from "../errors.ts";
import type { WeightSource } from "./source.ts";

/** What PyTorch's wrappers put anywhere into a name. */
const WRAPPERS = new Set(["_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"]);

/** The name under which the source stores a weight, or undefined. */
export type NameLookup = (name: string) => string | undefined;

/**
 * Finds the prefix under which most of the wanted names are stored. `usual` is what the family's language model has before every name
 * but the head's.
 * @throws RuntimeError when the source holds them all more than once, and none of the prefixes is the usual one.
 */
export function lookupNames(wanted: readonly string[], source: WeightSource, usual = ""): NameLookup {
  const stored = new Map<string, string>();
  const add = (name: string, target: string): void => {
    const plain = unwrap(name);
    if (!stored.has(plain) || name === plain) stored.set(plain, target);
  };
  for (const name of source.tensors.keys()) add(name, name);
  for (const [name, target] of source.aliases ?? []) if (!stored.has(unwrap(name))) add(name, target);
  const prefix = commonPrefix(wanted, [...stored.keys()], source.place, usual);
  const prefixes = [...parents(prefix), prefix + usual];
  return (name) => {
    const found = prefixes.find((before) => stored.has(before + name));
    return found === undefined ? undefined : stored.get(found + name);
  };
}

const unwrap = (name: string): string =>
  name
    .split(".")
    .filter((part) => !WRAPPERS.has(part))
    .join(".");

function commonPrefix(wanted: readonly string[], stored: readonly string[], place: string, usual: string): string {
  const names = new Set(wanted);
  const counts = new Map<string, number>();
  for (const name of stored)
    for (let start = 0; start >= 0; start = nextPart(name, start))
      if (names.has(name.slice(start))) counts.set(name.slice(0, start), (counts.get(name.slice(0, start)) ?? 0) + 1);
  // Of prefixes under which as many weights are found, these are the model itself, and others, say, an average of it.
  const own = ["", usual];
  const rank = (prefix: string): number => (own.includes(prefix) ? own.indexOf(prefix) : own.length);
  const [best, second] = [...counts].sort(([a, m], [b, n]) => n - m || rank(a) - rank(b));
  if (!best) return "";
  if (best[1] !== second?.[1] || rank(best[0]) !== rank(second[0])) return best[0];
  if (best[1] > names.size / 2)
    throw fileError(
      place,
      `holds ${best[1]} of the model's weights under ${best[0]} and as many under ${second[0]}`,
      "save the one model that you want to run into a checkpoint of its own",
    );
  return "";
}

/** Where the part of a name after the next dot begins; -1 behind the last. */
const nextPart = (name: string, start: number): number => {
  const dot = name.indexOf(".", start);
  return dot < 0 ? -1 : dot + 1;
};

/** `a.b.` → `a.b.`, `a.`, ``: a head stands beside the layers, not in them. */
function parents(prefix: string): readonly string[] {
  const parts = prefix.split(".").slice(0, -1);
  return Array.from({ length: parts.length + 1 }, (_, i) =>
    parts
      .slice(0, parts.length - i)
      .map((part) => `${part}.`)
      .join(""),
  );
}
