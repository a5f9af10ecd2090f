// Names for values that a pass makes, in a graph whose values have theirs.
import type { Graph } from "../ir/index.ts";

/** Gives a name that no value of a graph has. */
export type FreeName = (wanted: string) => string;

/** The name that is asked for, or one with a number behind it where a value of the graph has that, or was given it. */
export function freeNames(graph: Graph): FreeName {
  const values = [...graph.inputs.map((i) => i.value), ...graph.nodes.flatMap((n) => n.results)];
  const taken = new Set(values.map((v) => v.name));
  return (wanted) => {
    let name = wanted;
    for (let i = 0; taken.has(name); i++) name = `${wanted}.${i}`;
    taken.add(name);
    return name;
  };
}
