// A graph with some nodes replaced: operands renewed, order restored, what nobody needs any more dropped.
import { at, type Graph, indexGraph, isLiteral, type Node, updatedOperands, type Value } from "../ir/index.ts";

/** New nodes that take the place of old ones. */
export interface Replacement {
  readonly remove: readonly Node[];
  readonly insert: readonly Node[];
  /** Which new value stands for which old one. */
  readonly values: ReadonlyMap<Value, Value>;
}

/** The graph with every replacement made at once (they share no removed node), or why no valid graph comes of it. */
export function rebuild(graph: Graph, replacements: readonly Replacement[]): Graph | string {
  const removed = new Set<Node>();
  const newValues = new Map<Value, Value>();
  const inserted = new Map<Node, readonly Node[]>();
  for (const r of replacements) {
    for (const n of r.remove) removed.add(n);
    for (const [old, fresh] of r.values) newValues.set(old, fresh);
    const last = r.remove.at(-1);
    if (last) inserted.set(last, r.insert);
  }
  let circle: Value | undefined;
  const resolve = (v: Value): Value => {
    let current = v;
    let steps = 0;
    for (let next = newValues.get(current); next !== undefined && next !== current; next = newValues.get(current)) {
      if (steps++ > newValues.size) {
        circle = v;
        break;
      }
      current = next;
    }
    return current;
  };
  const nodes = graph.nodes
    .flatMap((n) => (removed.has(n) ? (inserted.get(n) ?? []) : [n]))
    .map((n) => renew(n, n.operands.map(resolve)));
  const results = graph.results.map(resolve);
  if (circle) return `${circle.name} would stand for itself`;
  const constant = results.find(isLiteral);
  return constant ? `the graph would return the literal ${constant.name}` : sorted({ ...graph, nodes, results });
}

function renew(node: Node, operands: readonly Value[]): Node {
  if (operands.every((v, i) => v === node.operands[i])) return node;
  return node.body ? renewRegion(node, node.body, operands) : { ...node, operands };
}

/** A region takes no literal and nothing twice: where operands have become that, its body reads what it still has. */
function renewRegion(node: Node, body: Graph, operands: readonly Value[]): Node {
  const stays = operands.map((v, i) => !isLiteral(v) && operands.indexOf(v) === i);
  const inner = new Map(
    body.inputs.map(({ value }, i) => {
      const operand = at(operands, i);
      return [value, isLiteral(operand) ? operand : at(body.inputs, operands.indexOf(operand)).value];
    }),
  );
  const rename = (v: Value): Value => inner.get(v) ?? v;
  return {
    ...node,
    operands: operands.filter((_, i) => stays[i]),
    body: {
      ...body,
      inputs: body.inputs.filter((_, i) => stays[i]),
      nodes: body.nodes.map((n) => ({ ...n, operands: n.operands.map(rename) })),
      results: body.results.map(rename),
    },
  };
}

/**
 * The nodes that something needs, in topological order, else in the order they had. What overwrites a value comes after
 * its other readers; where that can't be, says so.
 */
export function sorted(graph: Graph): Graph | string {
  const index = indexGraph(graph);
  const needed = neededNodes(graph);
  const done = new Set<Node>();
  const open = new Set<Node>();
  const nodes: Node[] = [];
  let problem: string | undefined;
  const visit = (node: Node | undefined): void => {
    if (!node || done.has(node) || !needed.has(node)) return;
    if (open.has(node)) {
      problem ??= `${nameOf(node)} would have to be computed before itself`;
      return;
    }
    open.add(node);
    for (const v of node.operands) visit(index.producer(v));
    for (const old of updatedOperands(node)) {
      for (const reader of index.users(old)) if (reader !== node) visit(reader);
      if (index.isResult(old)) problem ??= `${nameOf(node)} would overwrite ${old.name}, which the graph would return`;
    }
    done.add(node);
    nodes.push(node);
  };
  graph.nodes.forEach(visit);
  return problem ?? { ...graph, nodes };
}

const nameOf = (node: Node): string => node.results[0]?.name ?? node.op.name;

/** The nodes that the graph's results are computed from, found without relying on an order. */
function neededNodes(graph: Graph): ReadonlySet<Node> {
  const index = indexGraph(graph);
  const needed = new Set<Node>();
  const waiting = [...graph.results];
  for (let v = waiting.pop(); v !== undefined; v = waiting.pop()) {
    const node = index.producer(v);
    if (!node || needed.has(node)) continue;
    needed.add(node);
    waiting.push(...node.operands);
  }
  return needed;
}
