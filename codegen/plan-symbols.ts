// The symbols of a plan: those of its entry points' graphs, each with the range of its values.
import { own } from "../base/index.ts";
import type { PlanConstraint, PlanDim, PlanSymbol } from "../base/plan.ts";
import { CompileError, type EntrySpec, graphConstraints, graphSymbols, optionError } from "../ir/index.ts";

/**
 * The symbols of the graphs, in the order in which they name them.
 * @throws CompileError for a maximum or a fixed value that is none, for a fixed symbol that no graph has, for one that an entry
 * point leaves free and none bounds, and where graphs disagree on the least value.
 */
export function planSymbols(plan: string, specs: readonly EntrySpec[]): readonly PlanSymbol[] {
  const place = `plan ${plan}`;
  const least = leastValues(place, specs);
  const most = new Map<string, number>();
  const note = (name: string, value: number | undefined, what: string): void => {
    const min = least.get(name) ?? 0;
    if (value === undefined || !Number.isSafeInteger(value) || value < min)
      throw optionError(place, `${what} ${name} is ${value}`, `give a whole number from ${min} on`);
    most.set(name, Math.max(value, most.get(name) ?? 0));
  };
  for (const { fixed = {}, maxima = {} } of specs) {
    for (const [name, value] of Object.entries(maxima)) note(name, value, "the largest");
    for (const [name, value] of Object.entries(fixed)) {
      if (!least.has(name))
        throw optionError(place, `fixes the symbol ${name}, which no graph has`, hintOf([...least.keys()]));
      note(name, value, "the fixed");
    }
  }
  for (const spec of specs)
    for (const name of freeSymbols(spec))
      if (!specs.some(({ maxima = {} }) => own(maxima, name) !== undefined))
        throw optionError(
          `${place} ${spec.name}`,
          `has the symbol ${name}, which has no largest value`,
          `give the entry point \`maxima: { ${name}: … }\``,
        );
  return [...least].map(([name, min]) => ({ name, min, max: most.get(name) ?? min }));
}

/** The symbols of the entry point's graph that it does not fix, by name. */
export const freeSymbols = ({ graph, fixed = {} }: EntrySpec): readonly string[] =>
  graphSymbols(graph)
    .map((s) => s.name)
    .filter((name) => own(fixed, name) === undefined);

/** What must hold of the symbols that the entry point leaves free, and is not implied by the range of each. */
export const entryConstraints = (
  { graph, fixed = {} }: EntrySpec,
  symbols: readonly PlanSymbol[],
): readonly PlanConstraint[] => {
  const ranges = new Map(symbols.map((s) => [s.name, s]));
  return graphConstraints(graph, fixed).filter(({ value, most }) => largest(value, ranges) > most);
};

/** No less than a sum of products is for any values of its symbols. */
function largest(dim: PlanDim, ranges: ReadonlyMap<string, PlanSymbol>): number {
  if (typeof dim === "number") return dim;
  return dim.reduce((sum, [factor, ...names]) => {
    const end = factor < 0 ? "min" : "max";
    return sum + names.reduce((product, name) => product * (ranges.get(name)?.[end] ?? Number.NaN), factor);
  }, 0);
}

function leastValues(place: string, specs: readonly EntrySpec[]): ReadonlyMap<string, 0 | 1> {
  const least = new Map<string, 0 | 1>();
  for (const { name: entry, graph } of specs)
    for (const s of graphSymbols(graph)) {
      const known = least.get(s.name) ?? s.least;
      if (known !== s.least)
        throw new CompileError(
          `${place} ${entry}`,
          `the symbol ${s.name} is at least ${s.least}, but at least ${known} in another entry point`,
          "entry points share what they name alike",
        );
      least.set(s.name, s.least);
    }
  return least;
}

const hintOf = (names: readonly string[]): string =>
  names.length === 0 ? "their shapes are numbers" : `their symbols: ${names.join(", ")}`;
