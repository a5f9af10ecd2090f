// How many bytes of weights one call reads, from the graph alone: what a memory-bound step can be held against.
import { DTYPE_BYTES } from "../base/dtype.ts";
import { type PlanDim, planDim } from "../base/plan.ts";
import { type Dim, type Graph, isPointwise, type Node, onlyMoves, shapeEquals, type Value } from "../ir/index.ts";

/**
 * Sum of these products: every weight once for each step that reads it, and of a table only as many elements as are taken
 * from it. What a kernel reads again of its own accord is not counted.
 */
export function weightTraffic(graph: Graph): readonly (readonly PlanDim[])[] {
  const weights = new Set(graph.inputs.filter((i) => i.kind === "weight").map((i) => i.value));
  const products = graph.nodes.flatMap((node) =>
    [...new Set(node.operands)]
      .filter((v) => weights.has(v))
      .map((v) => [DTYPE_BYTES[v.type.dtype], ...elementsRead(node, v)]),
  );
  const sizes = products.map(count);
  const known = sizes.reduce((sum, n) => (Number.isNaN(n) ? sum : sum + n), 0);
  const symbolic = products.filter((_, i) => Number.isNaN(sizes[i])).map((product) => product.map(planDim));
  return [...(known > 0 ? [[known]] : []), ...symbolic];
}

/** Dims whose product is how many elements of `v` the node reads. */
function elementsRead(node: Node, v: Value): readonly Dim[] {
  const { body } = node;
  const inner = body?.inputs[node.operands.indexOf(v)]?.value ?? v;
  return elementsWanted(inner, body?.nodes ?? [node], body?.results ?? node.results);
}

/**
 * Every element of what an anchor reads, or what the node returns. What moves elements, or works on each, wants of its
 * operand no more elements than are wanted of its result.
 */
function elementsWanted(v: Value, nodes: readonly Node[], results: readonly Value[]): readonly Dim[] {
  const [reader, ...others] = nodes.filter((n) => n.operands.includes(v));
  const [result] = reader?.results ?? [];
  const several = (reader?.results.length ?? 0) > 1;
  if (!reader || !result || several || others.length > 0 || results.includes(v)) return v.type.shape;
  // A broadcast operand is read again and again, but has no more elements for that.
  const isRepeated = isPointwise(reader) && !shapeEquals(v.type.shape, result.type.shape);
  if (!reader.op.traits.element || isRepeated) return v.type.shape;
  const wanted = elementsWanted(result, nodes, results);
  if (!isPointwise(reader) && !onlyMoves(reader)) return shareOf(v, result, wanted);
  return isFewer(wanted, v.type.shape) ? wanted : v.type.shape;
}

/** Of a tensor that `whole` is computed of, what those elements of it are made of: as large a part as they are. */
function shareOf({ type }: Value, whole: Value, wanted: readonly Dim[]): readonly Dim[] {
  if (!isFewer(wanted, whole.type.shape)) return type.shape;
  const known = count(wanted.filter((d) => typeof d === "number"));
  const share = (known * count(type.shape)) / count(whole.type.shape);
  // Not a whole number where a row shares words or scales with the next.
  return Number.isInteger(share) ? [share, ...wanted.filter((d) => typeof d !== "number")] : type.shape;
}

const count = (shape: readonly Dim[]): number =>
  shape.reduce<number>((n, d) => (typeof d === "number" ? n * d : Number.NaN), 1);

/** A symbolic count is of new tokens: a gather takes so many rows, however many the table has. */
function isFewer(shape: readonly Dim[], whole: readonly Dim[]): boolean {
  const n = count(shape);
  return Number.isNaN(n) || n < count(whole);
}
