// Whole numbers as affine forms over names: of places and symbols, of data that is read somewhere, of quotients. Two forms that are
// the same are equal whatever the names stand for; two that are not may be.
import type { Dim } from "../ir/index.ts";

/** constant + Σ terms; the terms are products of symbols, and names. Null where it is not affine. */
export type Form = ReadonlyMap<string, number> | null;

/** What is known of a name. */
interface Known {
  /** It stands for 0 or more, and for less than this. */
  readonly limit?: number;
  /** It is ⌊of / by⌋. */
  readonly quotient?: { readonly of: NonNullable<Form>; readonly by: number };
}

/** What is known of names, by name: those of places by the caller, and those of quotients as they are made. */
export type Names = Map<string, Known>;

const ONE = "1";

export const constant = (n: number): NonNullable<Form> => new Map(n === 0 ? [] : [[ONE, n]]);
export const variable = (name: string): NonNullable<Form> => new Map([[name, 1]]);

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

export const scaled = (a: Form, k: number): Form => plus(constant(0), a, k);

/** The number that a form is, if it is one. */
export const asNumber = (a: Form): number | undefined =>
  !a ? undefined : a.size === 0 ? 0 : a.size === 1 ? a.get(ONE) : undefined;

export function product(a: Form, b: Form): Form {
  const [m, n] = [asNumber(a), asNumber(b)];
  return m !== undefined ? scaled(b, m) : n !== undefined ? scaled(a, n) : null;
}

export function ofDim(d: Dim): Form {
  if (typeof d === "number") return constant(d);
  let form: Form = constant(d.constant);
  for (const { factor, symbols } of d.terms) form = plus(form, variable(symbols.map((s) => s.name).join("·")), factor);
  return form;
}

/** The least and the largest that a form can be. */
export function bounds(a: NonNullable<Form>, names: Names): readonly [least: number, most: number] {
  let [least, most] = [0, 0];
  for (const [name, k] of a) {
    const limit = name === ONE ? undefined : names.get(name)?.limit;
    const [low, high] = name === ONE ? [1, 1] : limit === undefined ? [-Infinity, Infinity] : [0, limit - 1];
    least += Math.min(k * low, k * high);
    most += Math.max(k * low, k * high);
  }
  return [least, most];
}

/** ⌊a / n⌋, where a is no constant multiple under a name of its own. */
export function quotient(a: Form, n: number, names: Names): Form {
  if (!a || !Number.isInteger(n) || n < 1) return null;
  // ⌊(n·q + r) / n⌋ = q + ⌊r / n⌋, for any whole q.
  const whole = new Map([...a].map(([v, k]) => [v, Math.floor(k / n)] as const).filter(([, k]) => k !== 0));
  return plus(whole, belowOne(plus(a, whole, -n) ?? constant(0), n, names));
}

/** ⌊rest / n⌋, where every coefficient is from 0 up to n. */
function belowOne(rest: NonNullable<Form>, n: number, names: Names): Form {
  const [least, most] = bounds(rest, names);
  if (least >= 0 && most < n) return constant(0);
  const narrower = withoutFraction(rest, n, names);
  if (narrower) return quotient(narrower.of, narrower.by, names);
  const [[only, k] = [ONE, 0], ...more] = rest;
  const inner = more.length === 0 && k === 1 ? names.get(only)?.quotient : undefined;
  if (inner) return quotient(inner.of, inner.by * n, names);
  const name = `(${rest.size > 1 ? `(${inOrder(rest)})` : inOrder(rest)} div ${n})`;
  names.set(name, { quotient: { of: rest, by: n }, ...(least >= 0 && { limit: Math.floor(most / n) + 1 }) });
  return variable(name);
}

/** ⌊(g·y + r) / (g·n)⌋ = ⌊y / n⌋, where r is from 0 up to g: what is divided, and by what, for the largest g that there is. */
function withoutFraction(
  rest: NonNullable<Form>,
  n: number,
  names: Names,
): { readonly of: NonNullable<Form>; readonly by: number } | undefined {
  const terms = [...rest].filter(([name]) => name !== ONE).sort(([, a], [, b]) => b - a);
  for (let kept = 1; kept <= terms.length; kept++) {
    const g = terms.slice(0, kept).reduce((d, [, k]) => greatestDivisor(d, k), n);
    if (g === 1) return undefined;
    const fixed = rest.get(ONE) ?? 0;
    const left = new Map([...terms.slice(kept), ...constant(fixed % g)]);
    const [least, most] = bounds(left, names);
    if (least < 0 || most >= g) continue;
    const of = [...terms.slice(0, kept), ...constant(fixed - (fixed % g))];
    return { of: new Map(of.map(([v, k]) => [v, k / g])), by: n / g };
  }
  return undefined;
}

const greatestDivisor = (a: number, b: number): number => (b === 0 ? a : greatestDivisor(b, a % b));

/** a mod n, as a − n·⌊a / n⌋, so that ⌊a / n⌋·n + a mod n is a. */
export const remainder = (a: Form, n: number, names: Names): Form => plus(a, quotient(a, n, names), -n);

/** The element of the tensor called `tensor` at a place: data, of which nothing is known but where it stands. */
export function dataAt(tensor: string, place: readonly Form[]): Form {
  const where: string[] = [];
  for (const form of place) {
    if (!form) return null;
    where.push(inOrder(form).replace(/^\(([^()]*)\)$/, "$1"));
  }
  return variable(`${tensor}[${where.join(", ")}]`);
}

/** Whether a form has data in it. */
export const hasData = (a: Form): boolean => a !== null && [...a.keys()].some((name) => name.includes("["));

/** The name that a form is, if it is one. */
export function asName(a: Form): string | undefined {
  const [[name, k] = [ONE, 0], ...more] = a ?? [];
  return more.length === 0 && k === 1 && name !== ONE ? name : undefined;
}

export const sameForm = (a: Form, b: Form): boolean => plus(a, b, -1)?.size === 0;

const printTerms = (terms: Iterable<readonly [string, number]>): string =>
  [...terms]
    .map(([v, n]) => (v === ONE ? String(n) : n === 1 ? v : n === -1 ? `-${v}` : `${n}·${v}`))
    .join(" + ")
    .replaceAll("+ -", "− ") || "0";

/** Forms that are the same as the same text: the largest coefficient first, the number last. */
const inOrder = (a: NonNullable<Form>): string =>
  printTerms(
    [...a].sort(
      ([a1, k], [b1, l]) => Number(a1 === ONE) - Number(b1 === ONE) || l - k || (a1 < b1 ? -1 : a1 > b1 ? 1 : 0),
    ),
  );

export const printForm = (a: Form): string => (a ? printTerms(a) : "not affine");
