// What scores and their mixture are made of: which rows of the queries, the keys and the values, by which elements of them they have.
import { at, type Dim, dimEquals, type Value } from "../ir/index.ts";
import type { ElementRead } from "./affine-elements.ts";
import {
  asName,
  constant,
  type Form,
  type Names,
  plus,
  product,
  quotient,
  sameForm,
  variable,
} from "./affine-forms.ts";
import { placeName, scorePlace } from "./attention-softmax.ts";
import { farthest, type Paging, pagingOf, type RowRead, rowReads, wholeNumbers } from "./row-reads.ts";
import type { Match } from "./rule.ts";

/** A score's place, and a column of the head that it is of. */
export interface Frame {
  readonly names: Names;
  readonly place: readonly NonNullable<Form>[];
  readonly column: Form;
  readonly size: number;
  readonly room: Dim;
}

/** `make` of a match, made once: several predicates ask for it. */
function once<X>(make: (m: Match) => X): (m: Match) => X {
  const known = new WeakMap<Match, { readonly made: X }>();
  return (m) => {
    const found = known.get(m) ?? { made: make(m) };
    known.set(m, found);
    return found.made;
  };
}

export const frameOf = once((m: Match): Frame => {
  const names: Names = new Map();
  const place = scorePlace(m.index, m.value("scores"), names);
  const size = Number(at(m.value("q").type.shape, -1));
  const d = placeName(m.index, "d");
  names.set(d, { limit: size });
  return {
    names,
    place,
    column: size === 1 ? constant(0) : variable(d),
    size,
    room: at(m.value("scores").type.shape, -1),
  };
});

/** The element of an operand of a matmul, whose axes before the last two are broadcast to those of the scores. */
export function operandAt({ place }: Frame, value: Value, last: readonly [Form, Form]): ElementRead {
  const { shape } = value.type;
  const all = [...place.slice(0, -2), ...last];
  return { value, place: shape.map((d, axis) => (d === 1 ? constant(0) : at(all, axis + all.length - shape.length))) };
}

/** The rows of the queries: which row a score is of, and which head it is of all that lie in it side by side. */
interface Queries extends RowRead {
  readonly count: Dim;
  readonly heads: number;
  readonly head: Form;
}

/** What the read is of, where one axis of the scores is the row, and the others count its heads. */
function queriesIn(frame: Frame, shape: readonly Dim[], read: RowRead): Queries | undefined {
  const { place, column, size } = frame;
  const count = at(read.source.type.shape, 0);
  const row = asName(read.row);
  const rowAxis = place.findIndex((form) => row !== undefined && asName(form) === row);
  const isRow = count === 1 ? sameForm(read.row, constant(0)) : rowAxis >= 0 && dimEquals(at(shape, rowAxis), count);
  const head = plus(read.column, column, -1);
  if (!isRow || rowAxis === place.length - 1 || !head || read.width % size !== 0) return undefined;
  const axes = place.flatMap((form, axis) => {
    const name = axis === rowAxis || axis === place.length - 1 ? undefined : asName(form);
    return name === undefined ? [] : [{ step: head.get(name) ?? 0, length: at(shape, axis) }];
  });
  let heads = 1;
  for (const { step, length } of axes.sort((a, b) => a.step - b.step)) {
    if (step !== size * heads || typeof length !== "number") return undefined;
    heads *= length;
  }
  if (head.size !== axes.length || heads * size !== read.width) return undefined;
  return { ...read, count, heads, head: quotient(head, size, frame.names) };
}

export const queriesOf = once((m: Match): Queries | undefined => {
  const frame = frameOf(m);
  const from = operandAt(frame, m.value("q"), [at(frame.place, -2), frame.column]);
  const { shape } = m.value("scores").type;
  const read = farthest(rowReads(m.index, from, frame.names), (r) => queriesIn(frame, shape, r) !== undefined);
  return read && queriesIn(frame, shape, read);
});

/** Where keys or values are read, and by which pages; `axes` are those of a matmul's right side. */
function rowsOf(m: Match, name: "k" | "v"): (RowRead & Paging) | undefined {
  const frame = frameOf(m);
  const queries = queriesOf(m);
  const { room, column, size, names } = frame;
  if (!queries || typeof room !== "number") return undefined;
  const key = at(frame.place, -1);
  const value = m.value(name);
  const wide = (width: number): Form => columnOf(queries, width, frame);
  const asked = (source: Value) => ({
    tensors: wholeNumbers(m.index, value, [source]),
    rows: queries.count,
    query: queries.row,
    key,
    room,
  });
  const from = operandAt(frame, value, name === "k" ? [column, key] : [key, column]);
  const paging = ({ row, source }: RowRead) => pagingOf(m.index, row, asked(source), names);
  const isColumn = (r: RowRead) => r.width % size === 0 && sameForm(r.column, wide(r.width));
  const read = farthest(rowReads(m.index, from, names), (r) => isColumn(r) && paging(r) !== undefined);
  const found = read && paging(read);
  return read && found && { ...read, ...found };
}

export const keysOf = once((m) => rowsOf(m, "k"));
export const valuesOf = once((m) => rowsOf(m, "v"));

/** The column of rows so wide that a query's head reads: each of their heads serves as many on end. */
function columnOf({ heads, head }: Queries, width: number, { size, column, names }: Frame): Form {
  const kept = width / size;
  if (kept === 0 || heads % kept !== 0) return null;
  return plus(product(quotient(head, heads / kept, names), constant(size)), column);
}
