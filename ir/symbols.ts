// The symbols of a graph: those in its inputs' types, and those that only its nodes' attributes name.
import { dimsOf } from "./attr.ts";
import type { Graph } from "./graph.ts";
import { type Sym, symbolsOf } from "./type.ts";

/** Calls `hear` with each symbol of the inputs' types. */
function hearInputs({ inputs }: Graph, hear: (s: Sym) => void): void {
  for (const { value } of inputs) for (const dim of value.type.shape) symbolsOf(dim).forEach(hear);
}

/** Calls `hear` with each symbol of the nodes' attributes, those of bodies too. */
function hearAttributes({ nodes }: Graph, hear: (s: Sym) => void): void {
  for (const { attrs, body } of nodes) {
    for (const attr of Object.values(attrs)) for (const dim of dimsOf(attr)) symbolsOf(dim).forEach(hear);
    if (body) hearAttributes(body, hear);
  }
}

/** Every mention of a symbol, those of the inputs first. */
export function mentionedSymbols(graph: Graph): readonly Sym[] {
  const found: Sym[] = [];
  const hear = (s: Sym): void => void found.push(s);
  hearInputs(graph, hear);
  hearAttributes(graph, hear);
  return found;
}

/** The symbols that a graph depends on, each once, those of its inputs' types first. */
export function graphSymbols(graph: Graph): readonly Sym[] {
  const byName = new Map<string, Sym>();
  for (const s of mentionedSymbols(graph)) if (!byName.has(s.name)) byName.set(s.name, s);
  return [...byName.values()];
}

/** `[T, P>=0]`, as it stands after a graph's name; empty where the inputs' types say it all. */
export function printSymbols(graph: Graph): string {
  const symbols = graphSymbols(graph);
  const used = new Set<string>();
  hearInputs(graph, (s) => used.add(s.name));
  if (symbols.every((s) => s.least === 1 && used.has(s.name))) return "";
  return `[${symbols.map((s) => (s.least === 1 ? s.name : `${s.name}>=${s.least}`)).join(", ")}]`;
}
