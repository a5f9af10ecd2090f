// Part of a matrix that lies in a buffer: which rows and columns of it a body's value is, where slices and splits lie between the two.
import { type Dim, type ElementMath, evalDim, onlyMoves, scalarMath, type Value } from "../ir/index.ts";
import type { Region } from "./region.ts";

/** Element [i, j] of a value is element `offset` + i · `stride` + j of the matrix `source`, which lies in buffers. */
export interface Window {
  readonly source: Value;
  readonly offset: number;
  readonly stride: number;
}

/** An index of the value, or none, and a number that is added. */
interface Shift {
  readonly axis: number | undefined;
  readonly by: number;
}

interface Place {
  readonly value: Value;
  readonly at: readonly (Shift | undefined)[];
}

/** Where a matrix lies; undefined where it is computed, or is no range of rows and columns of a matrix in buffers. */
export function windowOf(region: Region, value: Value): Window | undefined {
  if (value.type.shape.length !== 2) return undefined;
  let place: Place = { value, at: value.type.shape.map((_, axis) => ({ axis, by: 0 })) };
  while (!region.stored(place.value)) {
    const read = readAt(region, place);
    if (!read) return undefined;
    place = read;
  }
  const [row, column, ...more] = place.at;
  const stride = place.value.type.shape[1];
  if (row?.axis !== 0 || column?.axis !== 1 || more.length > 0 || typeof stride !== "number") return undefined;
  return { source: place.value, offset: row.by * stride + column.by, stride };
}

/** What is computed is no window. */
const NO_SCALARS = scalarMath<undefined, undefined>({
  constant: () => undefined,
  call: () => undefined,
  holds: () => undefined,
});

/** One op back: the element of an operand that the element is. */
function readAt(region: Region, { value, at }: Place): Place | undefined {
  const node = region.body.nodes.find((n) => n.results.includes(value));
  const { element } = node?.op.traits ?? {};
  if (!node || !element || !onlyMoves(node)) return undefined;
  const math: ElementMath<Shift | undefined, Place | undefined, undefined> = {
    dim: (d: Dim) => {
      const by = evalDim(d, {});
      return by === undefined ? undefined : { axis: undefined, by };
    },
    add: (a, b) => sum(a, b, 1),
    sub: (a, b) => (b?.axis === undefined ? sum(a, b, -1) : undefined),
    mul: () => undefined,
    div: () => undefined,
    mod: () => undefined,
    less: () => undefined,
    load: (operand, index) => {
      const from = node.operands[operand];
      return from && { value: from, at: index };
    },
    toIndex: () => undefined,
    toElement: () => undefined,
    select: () => undefined,
    scalar: NO_SCALARS,
  };
  const context = { types: node.operands.map((v) => v.type), attrs: node.attrs, result: node.results.indexOf(value) };
  return element(at, math, context);
}

function sum(a: Shift | undefined, b: Shift | undefined, sign: number): Shift | undefined {
  if (!a || !b || (a.axis !== undefined && b.axis !== undefined)) return undefined;
  return { axis: a.axis ?? b.axis, by: a.by + sign * b.by };
}
