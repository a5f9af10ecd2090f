// A graph: inputs, nodes in topological order, results. Immutable; a pass makes a new one.
import type { WeightRecipe } from "../base/recipe.ts";
import type { Attrs } from "./attr.ts";
import type { Op } from "./op.ts";
import type { Value } from "./value.ts";

/** The anchor of a region that has none: what it computes is pointwise and moves elements. */
export const POINTWISE_ANCHOR = "pointwise";

/** What a region is built around: the op itself, which its body holds once, or nothing. Two ops of one name are two anchors. */
export type Anchor = Op | typeof POINTWISE_ANCHOR;

/** The word after `fused` in a graph's text. */
export const anchorName = (anchor: Anchor): string => (typeof anchor === "string" ? anchor : anchor.name);

/** The node of a body that a region around `anchor` is built around; none where the anchor is `pointwise`. */
export const anchorNode = (body: Graph, anchor: Anchor): Node | undefined => body.nodes.find((n) => n.op === anchor);

/** An op applied to values. */
export interface Node {
  readonly op: Op;
  readonly operands: readonly Value[];
  readonly attrs: Attrs;
  readonly results: readonly Value[];
  /** A fused region's: what its kernel is built around. Absent for any other node. */
  readonly anchor?: Anchor;
  /** A fused region's computation. Its inputs stand for the operands, one to one and under the same names. */
  readonly body?: Graph;
}

/** `input` changes with every call, `weight` never, `state` is what a step leaves for the next one. */
export const INPUT_KINDS = ["input", "weight", "state"] as const;
/** What an input is; see `INPUT_KINDS`. */
export type InputKind = (typeof INPUT_KINDS)[number];

/** An input of a graph. */
export interface Input {
  readonly kind: InputKind;
  readonly value: Value;
  /** Of a weight: what it is made of. It is the checkpoint's tensor of its own name and shape when absent. */
  readonly recipe?: WeightRecipe;
}

/** A computation in SSA form. Nodes are in topological order. */
export interface Graph {
  readonly name: string;
  readonly inputs: readonly Input[];
  readonly nodes: readonly Node[];
  readonly results: readonly Value[];
}

/** Who makes and who reads each value of a graph. */
export class GraphIndex {
  readonly graph: Graph;
  readonly #producers = new Map<Value, Node>();
  readonly #users = new Map<Value, Node[]>();
  readonly #results: ReadonlySet<Value>;
  #places: ReadonlyMap<Node, number> | undefined;

  constructor(graph: Graph) {
    this.graph = graph;
    this.#results = new Set(graph.results);
    for (const node of graph.nodes) {
      for (const r of node.results) this.#producers.set(r, node);
      for (const v of new Set(node.operands)) {
        const users = this.#users.get(v);
        if (users) users.push(node);
        else this.#users.set(v, [node]);
      }
    }
  }

  /** The node that makes `v`; none for an input and a literal. */
  producer(v: Value): Node | undefined {
    return this.#producers.get(v);
  }
  /** The nodes that read `v`, each once, in topological order. */
  users(v: Value): readonly Node[] {
    return this.#users.get(v) ?? [];
  }
  /** How many nodes stand before the node. */
  place(node: Node): number {
    this.#places ??= new Map(this.graph.nodes.map((n, i) => [n, i]));
    return this.#places.get(node) ?? -1;
  }
  /** Whether the graph returns `v`. */
  isResult(v: Value): boolean {
    return this.#results.has(v);
  }
  /** Exactly one node reads `v`, and the graph does not return it. */
  isPrivate(v: Value): boolean {
    return this.users(v).length === 1 && !this.isResult(v);
  }
}

const indexes = new WeakMap<Graph, GraphIndex>();

/** The index of a graph, made once: graphs never change. */
export function indexGraph(graph: Graph): GraphIndex {
  const known = indexes.get(graph);
  if (known) return known;
  const made = new GraphIndex(graph);
  indexes.set(graph, made);
  return made;
}

/** The graph without the nodes that nothing needs. */
export function withoutDeadNodes(graph: Graph): Graph {
  const needed = new Set<Value>(graph.results);
  const nodes: Node[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.results.some((r) => needed.has(r))) continue;
    for (const v of node.operands) needed.add(v);
    nodes.push(node);
  }
  return nodes.length === graph.nodes.length ? graph : { ...graph, nodes: nodes.reverse() };
}
