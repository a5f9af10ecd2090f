// What the matmul kernels share: the operands and axes of a region's matmul, and how its operands are computed.
import { at, attrOf, type Dim, type Node, onlyMoves, unreachable, type Value } from "../../ir/index.ts";
import { matmulParts, transpose } from "../../ir/ops/index.ts";
import { constantDim } from "../kernel.ts";
import type { Region } from "../region.ts";
import { refusesSize, type VectorSize } from "../storage.ts";
import { MAX_WORKGROUPS } from "../target.ts";

/** A region's matmul: y[rows, columns] = a[rows, inner] · b[inner, columns]. */
export interface MatmulView {
  readonly node: Node;
  readonly a: Value;
  readonly b: Value;
  readonly y: Value;
  readonly rows: Dim;
  readonly inner: Dim;
  readonly columns: Dim;
  /** Into how many sums the inner axis is cut, which the first axis of `y` counts; 1 where `y` is the product itself. */
  readonly parts: number;
  /** Two axes on both sides. */
  readonly flat: boolean;
  /** The value whose elements lie in buffers as [inner, columns], or as [columns, inner] when the region transposes it to make `b`. */
  readonly weight: { readonly value: Value; readonly transposed: boolean } | undefined;
}

/** The operands, the result and the axes of a region whose anchor is a matmul. */
export function matmulOf(region: Region): MatmulView {
  const { anchor: node } = region;
  if (!node) return unreachable("a matmul region without matmul");
  const [a, b, y] = [at(node.operands, 0), at(node.operands, 1), at(node.results, 0)];
  return {
    node,
    a,
    b,
    y,
    rows: at(y.type.shape, -2),
    inner: at(a.type.shape, -1),
    columns: at(y.type.shape, -1),
    parts: node.op === matmulParts ? attrOf<number>(node.attrs, "parts") : 1,
    flat: a.type.shape.length === 2 && b.type.shape.length === 2,
    weight: weightOf(region, b),
  };
}

function weightOf(region: Region, b: Value): MatmulView["weight"] {
  const turned = producerOf(region, b);
  const transposed = turned?.op === transpose && String(attrOf<readonly number[]>(turned.attrs, "perm")) === "1,0";
  const value = transposed ? at(turned.operands, 0) : b;
  return region.stored(value) ? { value, transposed } : undefined;
}

const producerOf = (region: Region, v: Value): Node | undefined => region.body.nodes.find((n) => n.results.includes(v));

/** Rows that kernels take which read the matrix once: more are worth one that stages it. */
const MOST_ROWS = 8;

/** How many rows there are, where that is a number and few enough to be kept side by side. */
export const fewRows = ({ rows }: MatmulView): number | undefined =>
  typeof rows === "number" && rows >= 1 && rows <= MOST_ROWS ? rows : undefined;

/** Whether an element of `v` takes arithmetic, which a kernel that reads it many times would repeat. */
export function isComputed(region: Region, v: Value): boolean {
  if (region.isInput(v)) return false;
  const node = region.body.nodes.find((n) => n.results.includes(v));
  return !node || !onlyMoves(node) || node.operands.some((o) => o.literal === undefined && isComputed(region, o));
}

/** The row normalisation that makes `v`, when that is part of the region. */
export const normalizationOf = (region: Region, v: Value): Node | undefined =>
  region.body.nodes.find((n) => n.op.traits.normalizes !== undefined && n.results.includes(v));

/** What every fast matmul kernel asks for; the rest is its own. */
export function refusesShapes(view: MatmulView, region: Region, transposed: boolean): string | undefined {
  if (isComputed(region, view.a)) return "the left operand is computed on the way in, and would be for every column";
  return refusesWeight(view, transposed);
}

/** What is asked of the result and the right operand, whatever the left one is. */
export function refusesWeight(view: MatmulView, transposed: boolean): string | undefined {
  if (!view.flat) return "an operand has more than two axes";
  if (typeof view.inner !== "number" || typeof view.columns !== "number") return "the weight's shape is symbolic";
  if (view.y.type.dtype !== "f32") return `it computes f32, but the product is ${view.y.type.dtype}`;
  if (!view.weight) return "the right operand is not a buffer as it lies";
  if (view.weight.transposed !== transposed)
    return transposed ? "the weight lies as [inner, columns]" : "the weight lies as [columns, inner]";
  return undefined;
}

/** For kernels that read the weight several elements at a time along its last axis: `size`, or as many as its storage gives. */
export function refusesVectors(
  { b, weight, inner, columns }: MatmulView,
  region: Region,
  size?: VectorSize,
): string | undefined {
  const stored = weight && region.stored(weight.value);
  if (!stored) return "the right operand is not a buffer as it lies";
  if ([b, weight.value, ...stored.parts].some((v) => readsOf(region, v) > 1))
    return "the weight is read by something else in the region";
  if (inner === 0 || columns === 0) return "the weight has no elements";
  const [name, length] = weight.transposed ? ["inner axis", inner] : ["width", columns];
  const row = constantDim(length);
  if (row % 4 !== 0) return `the ${name} ${row} is no multiple of 4`;
  const refusals = (size === undefined ? stored.storage.sizes : [size]).map((n) => refusesSize(stored, row, n));
  return refusals.includes(undefined) ? undefined : `the weight lies as ${stored.storage.name}: ${refusals[0]}`;
}

/** Pairs of columns are stored by an invocation that keeps both. */
export const refusesPairs = (region: Region, kept: number): string | undefined =>
  region.neighbours > 1 && kept % 2 !== 0 ? `what follows combines pairs, but an invocation keeps ${kept}` : undefined;

/** How often the region's nodes read a value. */
const readsOf = (region: Region, v: Value): number =>
  region.body.nodes.flatMap((n) => n.operands).filter((operand) => operand === v).length;

/** For kernels that bind the left operand as vectors of four elements along the inner axis. */
export function refusesLeftVectors({ a, inner }: MatmulView, region: Region): string | undefined {
  if (!region.isInput(a)) return "the left operand is not a buffer as it lies";
  if (readsOf(region, a) > 1) return "the left operand is read by something else in the region";
  return constantDim(inner) % 4 === 0 ? undefined : `the inner axis ${constantDim(inner)} is no multiple of 4`;
}

/** For kernels with columns on the dispatch's x and rows on its y: nothing is left to fold a long x into. */
export function refusesWidth({ columns }: MatmulView, perGroup: number): string | undefined {
  const groups = Math.ceil(constantDim(columns) / perGroup);
  return groups > MAX_WORKGROUPS ? `${constantDim(columns)} columns need ${groups} workgroups on one axis` : undefined;
}
