// Heads as views of rows: which element of a matrix [rows, heads · size] each element of a tensor of heads is, where reshapes,
// transposes and repetitions lie between the two, in whatever order they are written.
import { at, attrOf, type Dim, dimEquals, type GraphIndex, type Node, type Value } from "../ir/index.ts";
import { expand, reshape, transpose } from "../ir/ops/index.ts";

/** A stretch of one of the source's axes, or, without axis, a repetition. The innermost of an axis has the stride 1. */
interface Atom {
  readonly axis: number | undefined;
  readonly stride: number;
  readonly size: Dim;
}

/** What each axis of a value is made of, outermost first; atoms of one element are left out. */
export type View = readonly (readonly Atom[])[];

/** A value as itself. */
export const wholeView = (shape: readonly Dim[]): View =>
  shape.map((size, axis) => (size === 1 ? [] : [{ axis, stride: 1, size }]));

/** Whether a node does nothing but what `seenThrough` follows. */
export const isView = ({ op }: Node): boolean => op === reshape || op === transpose || op === expand;

/** The view of the node's result, by that of its operand; undefined where atoms of symbolic sizes would have to be cut. */
export function seenThrough(node: Node, view: View): View | undefined {
  if (node.op === transpose) return attrOf<readonly number[]>(node.attrs, "perm").map((axis) => at(view, axis));
  const { shape } = at(node.results, 0).type;
  if (node.op === reshape) return regrouped(view.flat(), shape);
  const from = at(node.operands, 0).type.shape;
  return shape.map((size, i) => {
    const axis = i - (shape.length - from.length);
    const grows = axis < 0 || (from[axis] === 1 && size !== 1);
    return grows ? repeated(size) : at(view, axis);
  });
}

const repeated = (size: Dim): readonly Atom[] => (size === 1 ? [] : [{ axis: undefined, stride: 0, size }]);

/** The atoms as axes of these lengths. */
function regrouped(atoms: readonly Atom[], shape: readonly Dim[]): View | undefined {
  const left = [...atoms];
  const axes: Atom[][] = [];
  for (const length of shape) {
    const axis: Atom[] = [];
    let wanted = length;
    while (wanted !== 1) {
      const atom = left.shift();
      if (!atom) return undefined;
      const { size } = atom;
      if (dimEquals(size, wanted)) {
        axis.push(atom);
        wanted = 1;
      } else if (typeof size !== "number" || typeof wanted !== "number") return undefined;
      else if (wanted % size === 0) {
        axis.push(atom);
        wanted /= size;
      } else if (size % wanted === 0) {
        const inner = size / wanted;
        axis.push({ ...atom, size: wanted, stride: atom.stride * inner });
        left.unshift({ ...atom, size: inner });
        wanted = 1;
      } else return undefined;
    }
    axes.push(axis);
  }
  return left.length === 0 ? axes : undefined;
}

/** Atoms that lie on end taken together. */
export function merged(atoms: readonly Atom[]): readonly Atom[] {
  const out: Atom[] = [];
  for (const inner of atoms) {
    const outer = out.at(-1);
    const { size } = inner;
    const joins =
      outer && outer.axis === inner.axis && typeof size === "number" && outer.stride === inner.stride * size;
    if (joins && typeof outer.size === "number") out[out.length - 1] = { ...inner, size: outer.size * size };
    else out.push(inner);
  }
  return out;
}

/** Where a tensor of heads has its rows and a head's columns, counted from the end, and the heads that it is multiplied with. */
export interface HeadAxes {
  readonly row: -1 | -2;
  readonly column: -1 | -2;
  /** The product's axes before its last two, to which those of the tensor are broadcast. */
  readonly batch: readonly Dim[];
}

/** A tensor of heads: `heads` of them side by side in each row of `source`, each `repeats` times on end. */
export interface Heads {
  /** [rows, …], its axes after the first holding a row's columns. */
  readonly source: Value;
  readonly heads: number;
  readonly repeats: number;
}

/**
 * The rows of which `v` shows the heads in order: the nearest matrix on the way to it, or else the value farthest back that has
 * them in other axes. Undefined where there is none.
 */
export function headsOf(index: GraphIndex, v: Value, axes: HeadAxes): Heads | undefined {
  const way: Node[] = [];
  let farthest: Heads | undefined;
  for (let node = index.producer(v); node && isView(node); node = index.producer(at(node.operands, 0))) {
    way.unshift(node);
    const source = at(node.operands, 0);
    const view = way.reduce<View | undefined>((seen, n) => seen && seenThrough(n, seen), wholeView(source.type.shape));
    const found = view && headsIn(v, view, source, axes);
    if (found && source.type.shape.length === 2) return found;
    farthest = found ?? farthest;
  }
  return farthest;
}

function headsIn(v: Value, view: View, source: Value, { row, column, batch }: HeadAxes): Heads | undefined {
  const [rows, ...others] = source.type.shape;
  const [count, size] = [at(v.type.shape, row), at(v.type.shape, column)];
  const columns = others.filter((d) => typeof d === "number");
  if (rows === undefined || others.length === 0 || columns.length < others.length) return undefined;
  if (!dimEquals(rows, count) || typeof size !== "number") return undefined;
  const rowAtoms = merged(at(view, row));
  if (rowAtoms.some((a) => a.axis !== 0 || a.stride !== 1) || rowAtoms.length > 1) return undefined;
  // Of a row's columns, how many one step along each of the source's axes is.
  const steps = columns.map((_, i) => columns.slice(i + 1).reduce((n, d) => n * d, 1));
  const inRow = (atoms: readonly Atom[]): readonly Atom[] =>
    merged(
      atoms.map((a) =>
        a.axis === undefined ? a : { ...a, axis: a.axis === 0 ? 0 : 1, stride: a.stride * (steps[a.axis - 1] ?? 1) },
      ),
    );
  const own = v.type.shape.length - 2;
  const headAtoms = inRow(
    batch.flatMap((d, i) => {
      const axis = i - (batch.length - own);
      return axis < 0 || (v.type.shape[axis] === 1 && d !== 1) ? repeated(d) : at(view, axis);
    }),
  );
  const columnAtoms = inRow(at(view, column));
  if (columnAtoms.some((a) => a.axis !== 1 || a.stride !== 1) || columnAtoms.length > (size === 1 ? 0 : 1))
    return undefined;
  const [first, second] = headAtoms;
  const heads = first?.axis === undefined ? undefined : first;
  const repeats = heads ? second : first;
  if (headAtoms.length > (heads ? 2 : 1) || (heads && (heads.axis !== 1 || heads.stride !== size))) return undefined;
  if (repeats && repeats.axis !== undefined) return undefined;
  const [n, times] = [heads?.size ?? 1, repeats?.size ?? 1];
  if (typeof n !== "number" || typeof times !== "number") return undefined;
  return n * size === columns.reduce((p, d) => p * d, 1) ? { source, heads: n, repeats: times } : undefined;
}

/** Whether `view`, of a matrix made of a tensor [heads…, rows, size], has all heads side by side in each of its rows. */
export function isSideBySide(view: View, of: readonly Dim[]): boolean {
  const [row, column] = view;
  const last = of.length - 1;
  const whole = wholeView(of);
  const wanted = [...whole.slice(0, last - 1), at(whole, last)].flat();
  const same = (a: readonly Atom[], b: readonly Atom[]): boolean =>
    a.length === b.length &&
    a.every(({ axis, stride, size }, i) => {
      const other = at(b, i);
      return axis === other.axis && stride === other.stride && dimEquals(size, other.size);
    });
  return (
    view.length === 2 && !!row && !!column && same(merged(row), at(whole, last - 1)) && same(merged(column), wanted)
  );
}
