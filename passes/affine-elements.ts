// What a whole-numbered value holds at a symbolic index, as an affine form, and where a comparison of such values holds; and which
// element of another value is the one there. A mask is recognised by what it says about row and column, and a key by where it is
// read, not by how they were built.
import {
  at,
  type DType,
  type ElementMath,
  type GraphIndex,
  isLiteral,
  SCALARS,
  type ScalarFunction,
  type ScalarMath,
  scalarDType,
  scalarMath,
  type Value,
} from "../ir/index.ts";
import {
  asName,
  asNumber,
  bounds,
  constant,
  dataAt,
  type Form,
  hasData,
  type Names,
  ofDim,
  plus,
  printForm,
  product,
  quotient,
  remainder,
  scaled,
  variable,
} from "./affine-forms.ts";
import { isConstant } from "./pattern.ts";

/** Dtypes that count without wrapping at 0 or rounding at 2048. */
const COUNTS: readonly DType[] = ["i32", "f32"];

/** What a function is of forms; of a comparison, the form that is ≥ 0 where it holds: a < b is a + 1 ≤ b, for the numbers are whole. */
const FORMS = new Map<ScalarFunction, (a: Form, b: Form) => Form>([
  [SCALARS.add, plus],
  [SCALARS.sub, (a, b) => plus(a, b, -1)],
  [SCALARS.neg, (a) => scaled(a, -1)],
  [SCALARS.mul, product],
  [SCALARS.lessEqual, (a, b) => plus(b, a, -1)],
  [SCALARS.less, (a, b) => plus(plus(b, a, -1), constant(-1))],
  [SCALARS.greaterEqual, (a, b) => plus(a, b, -1)],
  [SCALARS.greater, (a, b) => plus(plus(a, b, -1), constant(-1))],
]);

/** An element of a value. */
export interface ElementRead {
  readonly value: Value;
  readonly place: readonly Form[];
}

/** An element, as far as its number is known, and which one it is where it was only moved. */
interface FormElement {
  readonly dtype: DType;
  readonly form: Form;
  readonly read?: ElementRead;
}

const whole = (value: number, dtype: DType): FormElement => ({
  dtype,
  form: COUNTS.includes(dtype) && Number.isInteger(value) ? constant(value) : null,
});

/**
 * The element of a value at `place`, whose entries are forms over names of the caller's choice; of a bool, the form that is
 * ≥ 0 where it is true. Whole numbers only: a cast would truncate a fraction on its way. An i32 that depends on inputs in any
 * other way is data, known by where it stands: `positions[i]`. Sums are taken not to leave i32, as positions and lengths do not.
 */
export function elementForm(index: GraphIndex, value: Value, place: readonly Form[], names: Names = new Map()): Form {
  const { dtype } = value.type;
  if (!COUNTS.includes(dtype) && dtype !== "bool") return null;
  if (isLiteral(value)) return whole(value.literal, dtype).form;
  const load = (operand: Value, at0: readonly Form[]): FormElement => ({
    dtype: operand.type.dtype,
    form: elementForm(index, operand, at0, names),
  });
  const form = madeElement(index, { value, place }, load, names)?.form ?? null;
  return form ?? (dtype === "i32" && !isConstant(index, value) ? dataAt(value.name, place) : null);
}

/** Which element of an operand of its node an element is; undefined for one that is computed, chosen or an input's. */
export function movedFrom(index: GraphIndex, { value, place }: ElementRead, names: Names): ElementRead | undefined {
  const load = (operand: Value, at0: readonly Form[]): FormElement => {
    const { dtype } = operand.type;
    const form = dtype === "i32" ? elementForm(index, operand, at0, names) : null;
    return { dtype, form, ...(!isLiteral(operand) && { read: { value: operand, place: at0 } }) };
  };
  return madeElement(index, { value, place }, load, names)?.read;
}

function madeElement(
  index: GraphIndex,
  { value, place }: ElementRead,
  load: (operand: Value, place: readonly Form[]) => FormElement,
  names: Names,
): FormElement | undefined {
  const node = index.producer(value);
  const { element } = node?.op.traits ?? {};
  if (!node || !element) return undefined;
  const { operands, attrs } = node;
  const math = formMath((i, at0) => load(at(operands, i), at0), names);
  return element(place, math, { types: operands.map((v) => v.type), attrs, result: node.results.indexOf(value) });
}

const formMath = (
  load: (operand: number, place: readonly Form[]) => FormElement,
  names: Names,
): ElementMath<Form, FormElement, undefined> => ({
  load,
  dim: ofDim,
  add: plus,
  sub: (a, b) => plus(a, b, -1),
  mul: product,
  div: (a, b) => quotient(a, asNumber(b) ?? 0, names),
  mod: (a, b) => (asNumber(b) === 1 ? constant(0) : remainder(a, asNumber(b) ?? 0, names)),
  less: () => undefined,
  toIndex: ({ form }) => form,
  toElement: (form, dtype) => ({ dtype, form: COUNTS.includes(dtype) ? form : null }),
  select: (_, whenTrue) => ({ dtype: whenTrue().dtype, form: null }),
  scalar: scalarsOf(names),
});

const scalars = new WeakMap<Names, ScalarMath<FormElement, undefined>>();

/** Arithmetic on elements over these names, made once: there are many elements. */
function scalarsOf(names: Names): ScalarMath<FormElement, undefined> {
  const known = scalars.get(names);
  if (known) return known;
  const made = scalarMath<FormElement, undefined>({
    constant: whole,
    holds: () => undefined,
    call(f, args, attrs = {}) {
      const dtypes = args.map((e) => e.dtype);
      const dtype = scalarDType(f, dtypes, attrs);
      if (!COUNTS.includes(dtype) && dtype !== "bool") return { dtype, form: null };
      const [a, b = a] = args.map((e) => (COUNTS.includes(e.dtype) ? e.form : null));
      return { dtype, form: a === undefined || b === undefined ? null : called(f, a, b, dtype, names) };
    },
  });
  scalars.set(names, made);
  return made;
}

function called(f: ScalarFunction, a: Form, b: Form, dtype: DType, names: Names): Form {
  if (f === SCALARS.cast) return dtype === "bool" ? null : castForm(a, dtype);
  // Integers truncate toward 0, which is down where nothing is below it.
  if (f === SCALARS.div)
    return dtype === "i32" && a && bounds(a, names)[0] >= 0 ? quotient(a, asNumber(b) ?? 0, names) : null;
  // What data is may be anything, and f32 rounds a sum of it.
  if (dtype === "f32" && (hasData(a) || hasData(b))) return null;
  return FORMS.get(f)?.(a, b) ?? null;
}

/** The same number, or data that f32 may have rounded. */
function castForm(a: Form, to: DType): Form {
  if (to !== "f32" || !hasData(a)) return a;
  return asName(a)?.startsWith("f32(") ? a : variable(`f32(${printForm(a)})`);
}
