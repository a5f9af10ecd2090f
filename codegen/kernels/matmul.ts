// What the matmul kernels share: the operands and axes of a region's matmul, and how its operands are computed.
import { at, attrOf, type Dim, type Node, onlyMoves, unreachable, type Value } from "../../ir/index.ts";
import { cast, transpose } from "../../ir/ops/index.ts";
import { constantDim } from "../kernel.ts";
import type { Region } from "../region.ts";
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
  /** Two axes on both sides. */
  readonly flat: boolean;
  /** The binding that holds `b` as [inner, columns], or as [columns, inner] when the region transposes it. */
  readonly weight: { readonly input: Value; readonly transposed: boolean } | undefined;
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
    flat: a.type.shape.length === 2 && b.type.shape.length === 2,
    weight: weightOf(region, b),
  };
}

function weightOf(region: Region, b: Value): MatmulView["weight"] {
  const turned = producerOf(region, b);
  const transposed = turned?.op === transpose && String(attrOf<readonly number[]>(turned.attrs, "perm")) === "1,0";
  const stored = transposed ? at(turned.operands, 0) : b;
  // A weight that lies as halves is cast where it is read; integers are none of what a kernel widens.
  const widened = producerOf(region, stored);
  const halves = widened?.op === cast && at(widened.operands, 0).type.dtype === "f16";
  const input = halves ? at(widened.operands, 0) : stored;
  return region.isInput(input) ? { input, transposed } : undefined;
}

const producerOf = (region: Region, v: Value): Node | undefined => region.body.nodes.find((n) => n.results.includes(v));

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

/** For kernels that read the weight four elements at a time along its last axis. */
export function refusesVectors({ weight, inner, columns }: MatmulView, region: Region): string | undefined {
  if (weight && region.body.nodes.flatMap((n) => n.operands).filter((v) => v === weight.input).length > 1)
    return "the weight is read by something else in the region";
  if (inner === 0 || columns === 0) return "the weight has no elements";
  const [name, size] = weight?.transposed ? ["inner axis", inner] : ["width", columns];
  return constantDim(size) % 4 === 0 ? undefined : `the ${name} ${constantDim(size)} is no multiple of 4`;
}

/** For kernels that bind the left operand as vectors of four elements along the inner axis. */
export function refusesLeftVectors({ a, inner }: MatmulView, region: Region): string | undefined {
  if (!region.isInput(a)) return "the left operand is not a buffer as it lies";
  if (region.body.nodes.flatMap((n) => n.operands).filter((v) => v === a).length > 1)
    return "the left operand is read by something else in the region";
  return constantDim(inner) % 4 === 0 ? undefined : `the inner axis ${constantDim(inner)} is no multiple of 4`;
}

/** For kernels with columns on the dispatch's x and rows on its y: nothing is left to fold a long x into. */
export function refusesWidth({ columns }: MatmulView, perGroup: number): string | undefined {
  const groups = Math.ceil(constantDim(columns) / perGroup);
  return groups > MAX_WORKGROUPS ? `${constantDim(columns)} columns need ${groups} workgroups on one axis` : undefined;
}
