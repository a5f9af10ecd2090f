// How a rule writes its replacement: nodes by op, names derived from the value they stand for.
import { type Attrs, at, type Graph, type GraphIndex, makeNode, type Node, type Op, type Value } from "../ir/index.ts";
import type { Replacement } from "./rebuild.ts";

/** Makes new nodes for one replacement. The last one takes the old value's name, those before it a number behind it. */
export class Emitter {
  readonly #nodes: Node[] = [];
  readonly #old: Value;
  readonly #taken: ReadonlySet<string>;
  #number = 0;

  constructor(index: GraphIndex, old: Value) {
    this.#old = old;
    this.#taken = namesOf(index.graph);
  }

  /**
   * Makes a node; a number stands for an f32 literal.
   * @throws CompileError when the operands do not fit.
   */
  readonly op = (op: Op, operands: readonly (Value | number)[], attrs: Attrs = {}): Value => {
    while (this.#taken.has(`${this.#old.name}.${this.#number}`)) this.#number++;
    const node = makeNode(op, operands, attrs, [`${this.#old.name}.${this.#number++}`]);
    this.#nodes.push(node);
    return at(node.results, 0);
  };

  /** The replacement of `removed`, the old value's producer last, by the value `fresh` made here (or one that was there). */
  replace(removed: readonly Node[], fresh: Value): Replacement {
    const last = this.#nodes.at(-1);
    if (last?.results[0] !== fresh)
      return { remove: removed, insert: this.#nodes, values: new Map([[this.#old, fresh]]) };
    const named: Value = { ...fresh, name: this.#old.name };
    const insert = [...this.#nodes.slice(0, -1), { ...last, results: [named] }];
    return { remove: removed, insert, values: new Map([[this.#old, named]]) };
  }
}

const names = new WeakMap<Graph, ReadonlySet<string>>();

function namesOf(graph: Graph): ReadonlySet<string> {
  const known = names.get(graph);
  if (known) return known;
  const all = new Set([
    ...graph.inputs.map((i) => i.value.name),
    ...graph.nodes.flatMap((n) => n.results.map((r) => r.name)),
  ]);
  names.set(graph, all);
  return all;
}
