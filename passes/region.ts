// Fused regions: taking nodes, which may be regions themselves, into one fused node.
import {
  type Anchor,
  anchorName,
  at,
  fusedNode,
  type Graph,
  type GraphIndex,
  type Input,
  isLiteral,
  type Node,
  unreachable,
  type Value,
} from "../ir/index.ts";
import type { Replacement } from "./rebuild.ts";

/** What a region is built around; a plain node's own op when that is an anchor. */
export function anchorOf(node: Node): Anchor | undefined {
  if (node.body) return node.anchor;
  return node.op.traits.anchor || node.op.traits.reduces ? node.op : undefined;
}

/** The node's computation as nodes over outer values: a region's body with its inputs replaced by the operands. */
export function unfold(
  node: Node,
  outer: ReadonlyMap<Value, Value>,
): { readonly nodes: readonly Node[]; readonly results: ReadonlyMap<Value, Value> } {
  const rename = (v: Value): Value => outer.get(v) ?? v;
  const { body } = node;
  if (!body) return { nodes: [{ ...node, operands: node.operands.map(rename) }], results: new Map() };
  const inner = new Map(body.inputs.map((input, i) => [input.value, rename(at(node.operands, i))]));
  const nodes = body.nodes.map((n) => ({ ...n, operands: n.operands.map((v) => inner.get(v) ?? v) }));
  const inside = (v: Value): Value => inner.get(v) ?? v;
  return { nodes, results: new Map(node.results.map((r, i) => [r, inside(at(body.results, i))])) };
}

/**
 * One fused node in the place of `members` (in topological order). It returns every member's result that something
 * outside reads, in the order of the members.
 */
export function mergeRegion(index: GraphIndex, anchor: Anchor, members: readonly Node[]): Replacement {
  const inside = new Set(members);
  const renamed = new Map<Value, Value>();
  const nodes: Node[] = [];
  for (const member of members) {
    const part = unfold(member, renamed);
    nodes.push(...part.nodes);
    for (const [outer, inner] of part.results) renamed.set(outer, inner);
  }
  const escaping = members
    .flatMap((n) => n.results)
    .filter((r) => index.isResult(r) || index.users(r).some((u) => !inside.has(u)));
  const made = new Set(nodes.flatMap((n) => n.results));
  const results = escaping.map((r) => renamed.get(r) ?? r);
  const operands = [...new Set([...nodes.flatMap((n) => n.operands), ...results])].filter(
    (v) => !made.has(v) && !isLiteral(v),
  );
  const inputs = operands.map((value): Input => ({ kind: "input", value }));
  const body = withUniqueNames({ name: anchorName(anchor), inputs, nodes, results });
  const node = fusedNode(
    anchor,
    operands,
    body,
    escaping.map((r) => r.name),
  );
  return { remove: members, insert: [node], values: new Map(escaping.map((r, i) => [r, at(node.results, i)])) };
}

/** Bodies name their values without knowing of each other: what comes second gets a number behind its name. */
function withUniqueNames(body: Graph): Graph {
  const taken = new Set(body.inputs.map(({ value }) => value.name));
  const renamed = new Map<Value, Value>();
  const current = (v: Value): Value => renamed.get(v) ?? v;
  const claim = (v: Value): Value => {
    let { name } = v;
    for (let i = 0; taken.has(name); i++) name = `${v.name}.${i}`;
    taken.add(name);
    if (name !== v.name) renamed.set(v, { ...v, name });
    return current(v);
  };
  const nodes = body.nodes.map((n) => ({ ...n, operands: n.operands.map(current), results: n.results.map(claim) }));
  return renamed.size === 0 ? body : { ...body, nodes, results: body.results.map(current) };
}

/** The same nodes as `mergeRegion` would fuse, as a body to ask about. */
export function trialBody(index: GraphIndex, anchor: Anchor, members: readonly Node[]): Graph {
  return mergeRegion(index, anchor, members).insert[0]?.body ?? unreachable("a merged region has no body");
}

/** The operands whose elements the node moves to places of its results; none for most nodes. */
export function movedOperands({ op: { traits }, operands }: Node): readonly Value[] {
  if (!traits.writes) return [];
  const { operand } = traits.writes;
  return operand === "each" ? operands : operands.slice(operand, operand + 1);
}

/** Whether `v` is computed, however indirectly, from a result of `node`. */
export function dependsOn(index: GraphIndex, v: Value, node: Node): boolean {
  const seen = new Set<Node>();
  const visit = (value: Value): boolean => {
    const producer = index.producer(value);
    // What stands before the node is computed from nothing of it.
    if (!producer || seen.has(producer) || index.place(producer) < index.place(node)) return false;
    seen.add(producer);
    return producer === node || producer.operands.some(visit);
  };
  return visit(v);
}
