// The symbols of a graph: those in its inputs' types, and those that only its nodes' attributes name.
import { dimsOf } from "./attr.ts";
import type { Graph } from "./graph.ts";
import { type Dim, type Sym, symbolsOf } from "./type.ts";

const inputDims = (graph: Graph): readonly Dim[] => graph.inputs.flatMap((i) => i.value.type.shape);

const attributeDims = (graph: Graph): readonly Dim[] =>
  graph.nodes.flatMap((n) => [...Object.values(n.attrs).flatMap(dimsOf), ...(n.body ? attributeDims(n.body) : [])]);

/** Every mention of a symbol, those of the inputs first. */
export const mentionedSymbols = (graph: Graph): readonly Sym[] =>
  [...inputDims(graph), ...attributeDims(graph)].flatMap(symbolsOf);

/** The symbols that a graph depends on, each once, those of its inputs' types first. */
export function graphSymbols(graph: Graph): readonly Sym[] {
  const byName = new Map<string, Sym>();
  for (const s of mentionedSymbols(graph)) if (!byName.has(s.name)) byName.set(s.name, s);
  return [...byName.values()];
}

/** `[T, P>=0]`, as it stands after a graph's name; empty where the inputs' types say it all. */
export function printSymbols(graph: Graph): string {
  const symbols = graphSymbols(graph);
  const used = new Set(
    inputDims(graph)
      .flatMap(symbolsOf)
      .map((s) => s.name),
  );
  if (symbols.every((s) => s.least === 1 && used.has(s.name))) return "";
  return `[${symbols.map((s) => (s.least === 1 ? s.name : `${s.name}>=${s.least}`)).join(", ")}]`;
}
