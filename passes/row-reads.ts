// Rows that heads are cut out of, found by which elements of them a tensor of heads has; and tensors of whole numbers that hold one
// for each row, or a page table, found by what they hold.
import { at, type Dim, dimEquals, type GraphIndex, isLiteral, productOf, type Value } from "../ir/index.ts";
import { type ElementRead, elementForm, movedFrom } from "./affine-elements.ts";
import {
  constant,
  type Form,
  type Names,
  plus,
  product,
  quotient,
  remainder,
  sameForm,
  scaled,
} from "./affine-forms.ts";
import { interior } from "./pattern.ts";

/** An element of a tensor as a matrix of its rows: the columns of all its axes but the first, side by side. */
export interface RowRead {
  readonly source: Value;
  readonly row: Form;
  readonly column: Form;
  readonly width: number;
}

/** Which element of what an element is, the nearest tensor first, as far back as elements are only moved. */
export function* rowReads(index: GraphIndex, from: ElementRead, names: Names): Generator<RowRead> {
  for (let read: ElementRead | undefined = from; read; read = movedFrom(index, read, names)) {
    const { value: source, place } = read;
    const [, ...sizes] = source.type.shape;
    const columns = sizes.filter((d) => typeof d === "number");
    if (sizes.length === 0 || columns.length < sizes.length) continue;
    const column = columns.reduce<Form>(
      (flat, size, axis) => plus(scaled(flat, size), at(place, axis + 1)),
      constant(0),
    );
    yield { source, row: at(place, 0), column, width: columns.reduce((n, d) => n * d, 1) };
  }
}

/** Of the reads that pass, the farthest one of a matrix, or else the farthest: what lies between need not be made. */
export function farthest(reads: Iterable<RowRead>, passes: (read: RowRead) => boolean): RowRead | undefined {
  let best: RowRead | undefined;
  for (const read of reads) {
    const isMatrix = read.source.type.shape.length === 2;
    if ((isMatrix || best?.source.type.shape.length !== 2) && passes(read)) best = read;
  }
  return best;
}

/** The i32 tensors that `top` is made of beyond `leaves`, in the graph's order, inputs first. */
export function wholeNumbers(index: GraphIndex, top: Value, leaves: readonly Value[]): readonly Value[] {
  const found = new Set<Value>();
  for (const node of interior(index, top, leaves))
    for (const v of [...node.operands, ...node.results]) if (v.type.dtype === "i32" && !isLiteral(v)) found.add(v);
  const place = (v: Value): number => {
    const node = index.producer(v);
    return node ? index.place(node) : -1;
  };
  return [...found].sort((a, b) => place(a) - place(b));
}

/** A value for each row, and the form that it has in row `row`. */
interface RowNumber {
  readonly value: Value;
  readonly form: Form;
}

/** What each of the tensors that has a number for each of `rows` rows, and no more, holds in row `row`; vectors first. */
export function rowNumbers(
  index: GraphIndex,
  tensors: readonly Value[],
  rows: Dim,
  row: Form,
  names: Names,
): readonly RowNumber[] {
  const own = tensors.filter(({ type }) => dimEquals(productOf(type.shape), rows));
  return own
    .toSorted((a, b) => Number(a.type.shape.length !== 1) - Number(b.type.shape.length !== 1))
    .map((value) => {
      const place = value.type.shape.map((d) => (d === 1 ? constant(0) : row));
      // Rows cut into several axes would be read on their diagonal.
      const isOne = value.type.shape.filter((d) => d !== 1).length <= 1;
      return { value, form: isOne ? elementForm(index, value, place, names) : null };
    });
}

/** Where the rows of a query's keys lie. */
export interface Paging {
  readonly pageSize: number;
  /** i32[N, M], or i32[M] where all rows are of one sequence; absent where the keys are the first rows, in order. */
  readonly pages?: Value;
  /** Which row of `pages` is a query's: a tensor's element, the query's own number, or 0. */
  readonly sequence: Value | "own" | "first";
}

/** What is asked of a key's row: for which query, which key of how many, and of which tensors it may be computed. */
export interface RowQuestion {
  readonly tensors: readonly Value[];
  readonly rows: Dim;
  readonly query: Form;
  readonly key: Form;
  readonly room: number;
}

/** The pages by which `row` is the row of key `key`, if there are any. */
export function pagingOf(index: GraphIndex, row: Form, asked: RowQuestion, names: Names): Paging | undefined {
  const { tensors, rows, query, key, room } = asked;
  if (sameForm(row, key)) return { pageSize: room, sequence: "first" };
  const sequences: readonly (readonly [Paging["sequence"], Form])[] = [
    ...rowNumbers(index, tensors, rows, query, names).map(({ value, form }) => [value, form] as const),
    ["own", query],
    ["first", constant(0)],
  ];
  for (const pages of tensors) {
    const { shape } = pages.type;
    const count = shape.at(-1);
    if (typeof count !== "number" || shape.length > 2 || room % count !== 0) continue;
    const pageSize = room / count;
    const page = quotient(key, pageSize, names);
    for (const [sequence, number] of sequences) {
      if (sequence === pages || (shape.length === 1 && sequence !== "first")) continue;
      if (sequence === "own" && !dimEquals(at(shape, 0), rows)) continue;
      const first = elementForm(index, pages, shape.length === 1 ? [page] : [number, page], names);
      const wanted = plus(product(first, constant(pageSize)), remainder(key, pageSize, names));
      if (sameForm(row, wanted)) return { pageSize, pages, sequence };
    }
  }
  return undefined;
}
