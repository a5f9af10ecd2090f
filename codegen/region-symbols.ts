// The symbols of a region: those of its values' shapes and of its nodes' attributes. No kernel of it may read another.
import { type Attr, type Dim, type Graph, SYMBOLS } from "../ir/index.ts";

/** By name, each once. */
export function bodySymbols({ inputs, nodes, results }: Graph): ReadonlySet<string> {
  const values = [...inputs.map((i) => i.value), ...nodes.flatMap((n) => n.results), ...results];
  const attrs = nodes.flatMap((n) => Object.values(n.attrs));
  const dims: readonly Dim[] = [...values.flatMap((v) => v.type.shape), ...attrs.flatMap(dimsOf)];
  return new Set(dims.flatMap(symbolsOf));
}

const dimsOf = (a: Attr): readonly Dim[] =>
  Array.isArray(a) ? (a as readonly Dim[]) : typeof a === "object" ? [a as Dim] : [];

const symbolsOf = (d: Dim): readonly string[] =>
  typeof d === "number" ? [] : SYMBOLS.filter((s) => d.terms[s] !== undefined);
