// What reads several values of a region together, such as the halves of a rotation or a gate and what it opens: none of the readers can
// join the region alone, since the others' operands are made in it, but all of them can at once.
import { type GraphIndex, isLiteral, type Node, readsInPlace, shapeEquals, type Value } from "../ir/index.ts";
import { dependsOn, movedOperands } from "./region.ts";

/**
 * The readers of `site`, and theirs, that can be computed as the region's elements are made, with all that they are combined with, in the
 * order of the graph; none where none of them reads two values that are made so, since each can join by itself then. Unless elements of several places may be
 * combined, all that is read is made of the site's element, at its place.
 */
export function jointReaders(index: GraphIndex, region: Node, site: Value, anyPlace: boolean): readonly Node[] {
  const from = anyPlace ? region.results : [site];
  const followers = allFollowers(index, region, from, anyPlace);
  const connected = new Set([site]);
  const members = new Set<Node>();
  for (let before = -1; before < members.size; ) {
    before = members.size;
    for (const node of followers) {
      const values = [...ownOperands(node, from, followers), ...node.results];
      if (members.has(node) || !values.some((v) => connected.has(v))) continue;
      members.add(node);
      for (const v of values) connected.add(v);
    }
  }
  const joint = [...members].some((n) => ownOperands(n, from, followers).length > 1);
  return joint ? [...members].sort((a, b) => index.place(a) - index.place(b)) : [];
}

/** Which of those values the node reads, or of what follows them. */
function ownOperands(node: Node, from: readonly Value[], followers: ReadonlySet<Node>): readonly Value[] {
  const made = new Set([...from, ...[...followers].flatMap((n) => n.results)]);
  return [...new Set(node.operands.filter((v) => made.has(v)))];
}

/** All nodes that can be computed as the region's elements are made. */
function allFollowers(index: GraphIndex, region: Node, from: readonly Value[], anyPlace: boolean): ReadonlySet<Node> {
  const made = new Set<Value>(from);
  const followers = new Set<Node>();
  const waiting = from.flatMap((r) => index.users(r));
  for (let node = waiting.shift(); node !== undefined; node = waiting.shift()) {
    if (followers.has(node) || (!anyPlace && movedOperands(node).length > 0)) continue;
    if (!follows(index, node, region, made)) continue;
    followers.add(node);
    for (const r of node.results) made.add(r);
    // What is updated in place holds elements that the region does not make.
    if (node.op.traits.updatesFirstOperand !== true) waiting.push(...node.results.flatMap((r) => index.users(r)));
  }
  return followers;
}

/** Whether the node works on elements that are made, or moves them, and needs nothing else that comes of the region. */
function follows(index: GraphIndex, node: Node, region: Node, made: ReadonlySet<Value>): boolean {
  if (node.body) return false;
  const [own, others] = [
    node.operands.filter((v) => made.has(v)),
    node.operands.filter((v) => !made.has(v) && !isLiteral(v)),
  ];
  const moved = movedOperands(node);
  const fits =
    moved.length > 0
      ? moved.every((v) => made.has(v)) && own.every((v) => moved.includes(v))
      : own.every((v) => readsInPlace(node, v) && node.results.every((r) => shapeEquals(r.type.shape, v.type.shape)));
  return fits && !others.some((v) => dependsOn(index, v, region));
}
