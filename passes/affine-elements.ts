// What a whole-numbered value holds at a symbolic index, as an affine form, and where a comparison of such values holds: a
// mask is recognised by what it says about row and column, not by how it was built.
import {
  at,
  type Dim,
  type DType,
  type ElementMath,
  type GraphIndex,
  isLiteral,
  type Op,
  type Value,
} from "../ir/index.ts";
import { add, cast, greater, greaterEqual, less, lessEqual, mul, neg, sub } from "../ir/ops/index.ts";

/** constant + Σ terms; the terms are products of symbols and the index names given by the caller. Null where it is not affine. */
export type Form = ReadonlyMap<string, number> | null;

const ONE = "1";

export const constant = (n: number): Form => new Map(n === 0 ? [] : [[ONE, n]]);
export const variable = (name: string): Form => new Map([[name, 1]]);

export function plus(a: Form, b: Form, k = 1): Form {
  if (!a || !b) return null;
  const sum = new Map(a);
  for (const [v, n] of b) {
    const total = (sum.get(v) ?? 0) + k * n;
    if (total === 0) sum.delete(v);
    else sum.set(v, total);
  }
  return sum;
}

const scaled = (a: Form, k: number): Form => plus(constant(0), a, k);
const asNumber = (a: Form): number | undefined =>
  !a ? undefined : a.size === 0 ? 0 : a.size === 1 ? a.get(ONE) : undefined;

export function ofDim(d: Dim): Form {
  if (typeof d === "number") return constant(d);
  let form = constant(d.constant);
  for (const { factor, symbols } of d.terms) form = plus(form, variable(symbols.map((s) => s.name).join("·")), factor);
  return form;
}

export const sameForm = (a: Form, b: Form): boolean => plus(a, b, -1)?.size === 0;
export const printForm = (a: Form): string =>
  a
    ? [...a]
        .map(([v, n]) => (v === ONE ? String(n) : n === 1 ? v : n === -1 ? `-${v}` : `${n}·${v}`))
        .join(" + ")
        .replaceAll("+ -", "− ") || "0"
    : "not affine";

/** Dtypes that count without wrapping at 0 or rounding at 2048. */
const COUNTS: readonly DType[] = ["i32", "f32"];
const counts = (v: Value): boolean => COUNTS.includes(v.type.dtype);

/** The form that is ≥ 0 where the comparison holds; a < b is a + 1 ≤ b, for the numbers are whole. */
const COMPARISONS = new Map<Op, (a: Form, b: Form) => Form>([
  [lessEqual, (a, b) => plus(b, a, -1)],
  [less, (a, b) => plus(plus(b, a, -1), constant(-1))],
  [greaterEqual, (a, b) => plus(a, b, -1)],
  [greater, (a, b) => plus(plus(a, b, -1), constant(-1))],
]);

/**
 * The element of a value at `place`, whose entries are forms over names of the caller's choice; of a bool, the form that is
 * ≥ 0 where it is true. Whole numbers only: a cast would truncate a fraction on its way.
 */
export function elementForm(index: GraphIndex, value: Value, place: readonly Form[]): Form {
  if (!counts(value) && value.type.dtype !== "bool") return null;
  if (isLiteral(value)) return counts(value) && Number.isInteger(value.literal) ? constant(value.literal) : null;
  const node = index.producer(value);
  if (!node) return null;
  // A broadcast axis is read at 0.
  const broadcast = (v: Value): readonly Form[] =>
    v.type.shape.map((d, i) => (d === 1 ? constant(0) : at(place, i + place.length - v.type.shape.length)));
  const operand = (i: number): Form => elementForm(index, at(node.operands, i), broadcast(at(node.operands, i)));
  const { op, operands, attrs } = node;
  if (op === add) return plus(operand(0), operand(1));
  if (op === sub) return plus(operand(0), operand(1), -1);
  if (op === neg) return scaled(operand(0), -1);
  if (op === cast) return counts(value) && counts(at(operands, 0)) ? operand(0) : null;
  const holds = COMPARISONS.get(op);
  if (holds) return holds(operand(0), operand(1));
  if (op === mul) {
    const [a, b] = [operand(0), operand(1)];
    const [m, n] = [asNumber(a), asNumber(b)];
    return m !== undefined ? scaled(b, m) : n !== undefined ? scaled(a, n) : null;
  }
  if (!op.traits.reads) return null;
  const math: ElementMath<Form, Form, never> = {
    dim: ofDim,
    add: plus,
    sub: (a, b) => plus(a, b, -1),
    mul: (a, b) =>
      asNumber(a) !== undefined
        ? scaled(b, asNumber(a) ?? 0)
        : asNumber(b) !== undefined
          ? scaled(a, asNumber(b) ?? 0)
          : null,
    div: (a, b) => (asNumber(b) === 1 ? a : null),
    mod: (_, b) => (asNumber(b) === 1 ? constant(0) : null),
    less: () => undefined as never,
    load: (i, at0) => elementForm(index, at(operands, i), at0),
    toIndex: (e) => e,
    toElement: (i) => i,
    select: () => null,
  };
  return op.traits.reads.element(place, math, {
    types: operands.map((v) => v.type),
    attrs,
    result: node.results.indexOf(value),
  });
}
