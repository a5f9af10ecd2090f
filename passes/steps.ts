// A node as several that stand in its place: regions that are cut between an anchor and what it reads, or an anchor that is computed in
// parts which another node puts together.
import {
  anchorName,
  anchorNode,
  at,
  bodyOfNode,
  callMember,
  type Emit,
  fusedNode,
  type Graph,
  type GraphIndex,
  isLiteral,
  makeNode,
  type Node,
  type Value,
  withoutDeadNodes,
} from "../ir/index.ts";
import { Emitter, emittedNode } from "./emit.ts";
import { freeNames } from "./free-names.ts";
import { anchorOf } from "./region.ts";

/** One of the nodes that come of another: its anchor, and the values that those after it read, or that it returns. */
interface Step {
  readonly anchor: Node;
  readonly results: readonly Value[];
}

/**
 * The node with its anchor computed in so many parts, as the nodes that stand in its place, the last of which gives the node's results;
 * nothing where its anchor's op does not say how.
 */
export function inParts(node: Node, parts: number): readonly Node[] | undefined {
  const body = node.body ?? bodyOfNode(node);
  const anchor = anchorIn(node, body);
  if (!anchor?.op.split) return undefined;
  const made: Node[] = [];
  const freeName = freeNames(body);
  const emit: Emit = (op, operands, attrs = {}) => {
    const part = `${anchor.results[0]?.name}.part${made.length}`;
    const one = emittedNode(op, operands, attrs, (i) => freeName(i === 0 ? part : `${part}.${i}`));
    made.push(one);
    return one.results;
  };
  const { op } = anchor;
  const results = callMember(`${op.name} ${at(node.results, 0).name}`, "split", () =>
    op.split?.(emit, anchor.operands, anchor.attrs, parts),
  );
  // What moves or computes elements goes along with the steps that read it.
  const anchors = made.filter((one) => one.op.traits.anchor || one.op.traits.reduces);
  if (!results || anchors.length < 2) return undefined;
  const renamed = new Map(anchor.results.map((r, i) => [r, at(results, i)]));
  const whole = withNodes(body, anchor, made, renamed);
  const last = at(anchors, -1);
  const steps = anchors.map((one) => ({ anchor: one, results: one === last ? whole.results : one.results }));
  return cut(node, whole, steps);
}

/** The node with a normalisation that its anchor reads computed before it; nothing where it has none. */
export function withNormApart(node: Node): readonly Node[] | undefined {
  const { body } = node;
  const anchor = body && anchorIn(node, body);
  const norm = body?.nodes.find((n) => n !== anchor && n.op.traits.normalizes);
  if (!body || !anchor || !norm) return undefined;
  return cut(node, body, [
    { anchor: norm, results: norm.results },
    { anchor, results: body.results },
  ]);
}

function anchorIn(node: Node, body: Graph): Node | undefined {
  const anchor = anchorOf(node);
  return anchor === undefined ? undefined : anchorNode(body, anchor);
}

/** The body with others in the place of one of its nodes. */
function withNodes(body: Graph, old: Node, made: readonly Node[], renamed: ReadonlyMap<Value, Value>): Graph {
  const current = (v: Value): Value => renamed.get(v) ?? v;
  const nodes = body.nodes.flatMap((n) => (n === old ? made : [{ ...n, operands: n.operands.map(current) }]));
  return { ...body, nodes, results: body.results.map(current) };
}

/** A node for each step; what several need of what no step returns, each computes for itself. */
function cut(node: Node, body: Graph, steps: readonly Step[]): readonly Node[] {
  const outer = new Map<Value, Value>(
    node.body ? node.body.inputs.map(({ value }, i) => [value, at(node.operands, i)]) : [],
  );
  const given = new Set<Value>(body.inputs.map((i) => i.value));
  return steps.map(({ anchor, results }, i) => {
    const isLast = i === steps.length - 1;
    const inputs = [...given].map((value) => ({ kind: "input" as const, value }));
    const nodes = body.nodes.filter((n) => !n.results.some((r) => given.has(r)));
    const own = withoutDeadNodes({ name: anchorName(anchor.op), inputs, nodes, results });
    const read = new Set([...own.nodes.flatMap((n) => n.operands), ...own.results]);
    const used = own.inputs.filter((input) => read.has(input.value));
    const names = (isLast ? node : { results }).results.map((r) => r.name);
    const made = nodeOf(anchor, { ...own, inputs: used }, (v) => outer.get(v) ?? v, names);
    for (const [j, r] of results.entries()) {
      given.add(r);
      outer.set(r, at(made.results, j));
    }
    return made;
  });
}

/** A region around the anchor, or the anchor alone where there is nothing else. */
function nodeOf(anchor: Node, body: Graph, outer: (v: Value) => Value, names: readonly string[]): Node {
  const [only, ...others] = body.nodes;
  if (only && others.length === 0 && !only.body && only.results.every((r, i) => r === body.results[i]))
    return makeNode(
      only.op,
      only.operands.map((v) => (isLiteral(v) ? v : outer(v))),
      only.attrs,
      names,
    );
  return fusedNode(
    anchor.op,
    body.inputs.map((i) => outer(i.value)),
    body,
    names,
  );
}

/** Those nodes in the place of `node`, with names that the graph has not. */
export function replaceBySteps(index: GraphIndex, node: Node, steps: readonly Node[]) {
  const emitter = new Emitter(index, at(node.results, 0));
  const renamed = new Map<Value, Value>();
  for (const step of steps) {
    const made = emitter.add({ ...step, operands: step.operands.map((v) => renamed.get(v) ?? v) });
    for (const [i, r] of step.results.entries()) renamed.set(r, at(made, i));
  }
  const last = at(steps, -1);
  return emitter.replaceEach(
    [node],
    new Map(node.results.map((r, i) => [r, renamed.get(at(last.results, i)) ?? at(last.results, i)])),
  );
}
