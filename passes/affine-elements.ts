// What a whole-numbered value holds at a symbolic index, as an affine form, and where a comparison of such values holds: a
// mask is recognised by what it says about row and column, not by how it was built.
import {
  at,
  type Dim,
  type DType,
  type ElementMath,
  type GraphIndex,
  isLiteral,
  SCALARS,
  type ScalarFunction,
  scalarDType,
  scalarMath,
  type Value,
} from "../ir/index.ts";

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

/** What a function is of forms; of a comparison, the form that is ≥ 0 where it holds: a < b is a + 1 ≤ b, for the numbers are whole. */
const FORMS = new Map<ScalarFunction, (a: Form, b: Form) => Form>([
  [SCALARS.add, plus],
  [SCALARS.sub, (a, b) => plus(a, b, -1)],
  [SCALARS.neg, (a) => scaled(a, -1)],
  [SCALARS.cast, (a) => a],
  [SCALARS.mul, product],
  [SCALARS.lessEqual, (a, b) => plus(b, a, -1)],
  [SCALARS.less, (a, b) => plus(plus(b, a, -1), constant(-1))],
  [SCALARS.greaterEqual, (a, b) => plus(a, b, -1)],
  [SCALARS.greater, (a, b) => plus(plus(a, b, -1), constant(-1))],
]);

function product(a: Form, b: Form): Form {
  const [m, n] = [asNumber(a), asNumber(b)];
  return m !== undefined ? scaled(b, m) : n !== undefined ? scaled(a, n) : null;
}

/** An element, as far as its number is known. */
interface FormElement {
  readonly dtype: DType;
  readonly form: Form;
}

const whole = (value: number, dtype: DType): FormElement => ({
  dtype,
  form: COUNTS.includes(dtype) && Number.isInteger(value) ? constant(value) : null,
});

/**
 * The element of a value at `place`, whose entries are forms over names of the caller's choice; of a bool, the form that is
 * ≥ 0 where it is true. Whole numbers only: a cast would truncate a fraction on its way.
 */
export function elementForm(index: GraphIndex, value: Value, place: readonly Form[]): Form {
  const { dtype } = value.type;
  if (!COUNTS.includes(dtype) && dtype !== "bool") return null;
  if (isLiteral(value)) return whole(value.literal, dtype).form;
  const node = index.producer(value);
  const { element } = node?.op.traits ?? {};
  if (!node || !element) return null;
  const { operands, attrs } = node;
  const types = operands.map((v) => v.type);
  const load = (i: number, at0: readonly Form[]): FormElement => {
    const operand = at(operands, i);
    return { dtype: operand.type.dtype, form: elementForm(index, operand, at0) };
  };
  return element(place, formMath(load), { types, attrs, result: node.results.indexOf(value) }).form;
}

const formMath = (
  load: (operand: number, place: readonly Form[]) => FormElement,
): ElementMath<Form, FormElement, undefined> => ({
  load,
  dim: ofDim,
  add: plus,
  sub: (a, b) => plus(a, b, -1),
  mul: product,
  div: (a, b) => (asNumber(b) === 1 ? a : null),
  mod: (_, b) => (asNumber(b) === 1 ? constant(0) : null),
  less: () => undefined,
  toIndex: ({ form }) => form,
  toElement: (form, dtype) => ({ dtype, form: COUNTS.includes(dtype) ? form : null }),
  select: (_, whenTrue) => ({ dtype: whenTrue().dtype, form: null }),
  scalar: scalarMath<FormElement, undefined>({
    constant: whole,
    holds: () => undefined,
    call(f, args, attrs = {}) {
      const dtypes = args.map((e) => e.dtype);
      const dtype = scalarDType(f, dtypes, attrs);
      const known = COUNTS.includes(dtype) || (dtype === "bool" && f !== SCALARS.cast);
      const [a, b = a] = args.map((e) => (COUNTS.includes(e.dtype) ? e.form : null));
      const form = FORMS.get(f);
      return { dtype, form: known && form && a !== undefined && b !== undefined ? form(a, b) : null };
    },
  }),
});
