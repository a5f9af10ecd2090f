// How a rule writes its replacement: nodes by op, names derived from the value they stand for.
import {
  type Attrs,
  at,
  completeAttrs,
  type Graph,
  type GraphIndex,
  inferTypes,
  literal,
  makeNode,
  type Node,
  type Op,
  type Value,
} from "../ir/index.ts";
import type { Replacement } from "./rebuild.ts";

/**
 * The node of an `Emit`: a number stands for an f32 literal, and each result gets a name of `nameOf`.
 * @throws CompileError when the operands do not fit.
 */
export function emittedNode(
  op: Op,
  operands: readonly (Value | number)[],
  attrs: Attrs,
  nameOf: (result: number) => string,
): Node {
  const values = operands.map((v) => (typeof v === "number" ? literal(v, "f32") : v));
  const types = inferTypes(op, values, completeAttrs(op, attrs, op.name), op.name);
  return makeNode(
    op,
    values,
    attrs,
    types.map((_, i) => nameOf(i)),
  );
}

/** Makes new nodes for one replacement. What stands for an old value takes its name, what is made on the way a number behind it. */
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
    const node = makeNode(op, operands, attrs, [this.#freshName()]);
    this.#nodes.push(node);
    return at(node.results, 0);
  };

  /**
   * As `op`, for an op with any number of results.
   * @throws CompileError when the operands do not fit.
   */
  readonly many = (op: Op, operands: readonly (Value | number)[], attrs: Attrs = {}): readonly Value[] => {
    const node = emittedNode(op, operands, attrs, () => this.#freshName());
    this.#nodes.push(node);
    return node.results;
  };

  /** Adds a node that was made elsewhere, under new names. */
  add(node: Node): readonly Value[] {
    const results = node.results.map((r): Value => ({ ...r, name: this.#freshName() }));
    this.#nodes.push({ ...node, results });
    return results;
  }

  /** The replacement of `removed`, the old value's producer last, by the value `fresh` made here (or one that was there). */
  replace(removed: readonly Node[], fresh: Value): Replacement {
    const last = this.#nodes.at(-1);
    if (last?.results[0] !== fresh)
      return { remove: removed, insert: this.#nodes, values: new Map([[this.#old, fresh]]) };
    const named: Value = { ...fresh, name: this.#old.name };
    const insert = [...this.#nodes.slice(0, -1), { ...last, results: [named] }];
    return { remove: removed, insert, values: new Map([[this.#old, named]]) };
  }

  /** The replacement of `removed`, several of whose values are read, by one value made here (or one that was there) for each. */
  replaceEach(removed: readonly Node[], values: ReadonlyMap<Value, Value>): Replacement {
    const made = new Set(this.#nodes.flatMap((n) => n.results));
    const named = new Map<Value, Value>();
    for (const [old, fresh] of values)
      if (made.has(fresh) && !named.has(fresh)) named.set(fresh, { ...fresh, name: old.name });
    const current = (v: Value): Value => named.get(v) ?? v;
    const insert = this.#nodes.map((n) => ({
      ...n,
      operands: n.operands.map(current),
      results: n.results.map(current),
    }));
    return { remove: removed, insert, values: new Map([...values].map(([old, fresh]) => [old, current(fresh)])) };
  }

  #freshName(): string {
    while (this.#taken.has(`${this.#old.name}.${this.#number}`)) this.#number++;
    return `${this.#old.name}.${this.#number++}`;
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
