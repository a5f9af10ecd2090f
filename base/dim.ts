// Lengths of axes: whole numbers, or polynomials in symbols that a graph declares.

import { WgptError } from "./errors.ts";
import { own } from "./own.ts";

/** A symbol of a shape, such as `T`: a whole number that is known when a graph runs. */
export interface Sym {
  /** An identifier. Within a graph, symbols are told apart by it. */
  readonly name: string;
  /** The least value that it takes: 1, or 0 where an axis may be empty. */
  readonly least: 0 | 1;
}

/** `factor · Π symbols`; a symbol stands there as often as its power says. */
export interface Term {
  readonly factor: number;
  /** Sorted by name; never empty. */
  readonly symbols: readonly Sym[];
}

/** `constant + Σ terms`, with at least one term. Made only by this file's functions, so equal polynomials look equal. */
export interface Polynomial {
  readonly constant: number;
  /** No two have the same symbols, no factor is 0. Of a higher degree first, then by their symbols' names. */
  readonly terms: readonly Term[];
}

/** A length: a number, or a polynomial in symbols. */
export type Dim = number | Polynomial;

/** Whether a value of a program's own is a length. */
export const isDim = (x: unknown): x is Dim =>
  typeof x === "number" || (typeof x === "object" && x !== null && "terms" in x && Array.isArray(x.terms));

/** What symbols stand for in one run, by name. */
export type SymbolValues = Readonly<Partial<Record<string, number>>>;

/** What a symbol may be called. */
export const SYMBOL_NAME = /^[A-Za-z]\w*$/;

/** A symbol as a length: `symbol("T")`. It is 1 or more; with `least` 0, it may also be 0. */
export const symbol = (name: string, least: 0 | 1 = 1): Polynomial => ({
  constant: 0,
  terms: [{ factor: 1, symbols: [{ name, least }] }],
});

/** The most terms of a sum, and symbols of a term. Lengths that are multiplied out would grow without end. */
const MOST_TERMS = 512;
const MOST_FACTORS = 64;

/** @throws WgptError for more of what a length is made of than is kept. */
function checkSize(what: string, size: number, most: number): void {
  if (size > most)
    throw new WgptError("bad-graph", "a length", `has ${size} ${what}, but at most ${most} are kept`, {
      hint: "give a symbol of its own to a sum or a product that stands there often",
    });
}

const keyOf = ({ symbols }: Term): string => symbols.map((s) => s.name).join("*");

/** The canonical dim of terms in any order: a plain number when no symbol is left. */
function polynomial(constant: number, terms: readonly Term[]): Dim {
  const byKey = new Map<string, Term>();
  for (const term of terms) {
    const symbols = term.symbols.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    const key = keyOf({ ...term, symbols });
    byKey.set(key, { factor: term.factor + (byKey.get(key)?.factor ?? 0), symbols });
  }
  const kept = [...byKey].filter(([, term]) => term.factor !== 0);
  checkSize("terms", kept.length, MOST_TERMS);
  for (const [, { symbols }] of kept) checkSize("factors in one term", symbols.length, MOST_FACTORS);
  kept.sort(([a, x], [b, y]) => y.symbols.length - x.symbols.length || (a < b ? -1 : 1));
  return kept.length === 0 ? constant : { constant, terms: kept.map(([, term]) => term) };
}

const parts = (d: Dim): Polynomial => (typeof d === "number" ? { constant: d, terms: [] } : d);
const termsOf = (d: Dim): readonly Term[] => [
  ...parts(d).terms,
  ...(parts(d).constant === 0 ? [] : [{ factor: parts(d).constant, symbols: [] }]),
];

// Most lengths of a graph are numbers: each function has a way for these that makes no polynomial.

/** a + b */
export function addDims(a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number") return a + b;
  const [x, y] = [parts(a), parts(b)];
  return polynomial(x.constant + y.constant, [...x.terms, ...y.terms]);
}

/** a · b */
export function mulDims(a: Dim, b: Dim): Dim {
  // A product with −1 may be −0, which is no length.
  if (typeof a === "number") return typeof b === "number" ? a * b + 0 : scaled(b, a);
  if (typeof b === "number") return scaled(a, b);
  const products = termsOf(a).flatMap((x) =>
    termsOf(b).map((y): Term => ({ factor: x.factor * y.factor, symbols: [...x.symbols, ...y.symbols] })),
  );
  const constant = products.find((t) => t.symbols.length === 0)?.factor ?? 0;
  return polynomial(
    constant,
    products.filter((t) => t.symbols.length > 0),
  );
}

const scaled = ({ constant, terms }: Polynomial, by: number): Dim =>
  by === 0
    ? 0
    : {
        constant: constant * by + 0,
        terms: terms.map(({ factor, symbols }) => ({ factor: factor * by, symbols })),
      };

/** a − b */
export const subDims = (a: Dim, b: Dim): Dim => addDims(a, mulDims(b, -1));

/** The product of a shape's lengths. */
export const productOf = (dims: readonly Dim[]): Dim => dims.reduce<Dim>(mulDims, 1);

/** Whether two lengths are equal for every value of the symbols. */
export function dimEquals(a: Dim, b: Dim): boolean {
  if (typeof a === "number" || typeof b === "number") return a === b;
  return (
    a.constant === b.constant &&
    a.terms.length === b.terms.length &&
    a.terms.every((term, i) => {
      const other = b.terms[i];
      return other !== undefined && term.factor === other.factor && keyOf(term) === keyOf(other);
    })
  );
}

/** The dim with the given symbols replaced by numbers; others stay. */
export function bindDim(d: Dim, values: SymbolValues): Dim {
  if (typeof d === "number") return d;
  let { constant } = d;
  const terms: Term[] = [];
  for (const term of d.terms) {
    const free = term.symbols.filter((s) => own(values, s.name) === undefined);
    const factor = term.symbols.reduce((product, s) => product * (own(values, s.name) ?? 1), term.factor);
    if (free.length === 0) constant += factor;
    else terms.push({ factor, symbols: free });
  }
  return polynomial(constant, terms);
}

/** `undefined` when a symbol has no value. */
export function evalDim(d: Dim, values: SymbolValues): number | undefined {
  const bound = bindDim(d, values);
  return typeof bound === "number" ? bound : undefined;
}

/** Whether a dim is 0 or more whatever its symbols stand for, as far as the signs of its terms show it. */
export function isNeverNegative(d: Dim): boolean {
  if (typeof d === "number") return d >= 0;
  if (d.constant >= 0 && d.terms.every(({ factor }) => factor > 0)) return true;
  // Each symbol may double the terms that a term is written as.
  const written = d.terms.reduce((n, { symbols }) => n + 2 ** new Set(symbols.map((s) => s.name)).size, 0);
  if (written > MOST_TERMS) return false;
  // With each symbol written as its least value and what it has beyond that, no term may lower the sum.
  const shifted = termsOf(d).reduce<Dim>(
    (sum, { factor, symbols }) =>
      addDims(
        sum,
        symbols.reduce<Dim>((product, s) => mulDims(product, addDims(symbol(s.name, 0), s.least)), factor),
      ),
    0,
  );
  return termsOf(shifted).every((term) => term.factor >= 0);
}

/** The symbols that a dim depends on, each once. */
export function symbolsOf(d: Dim): readonly Sym[] {
  if (typeof d === "number") return NONE;
  const [only, ...more] = d.terms;
  if (only?.symbols.length === 1 && more.length === 0) return only.symbols;
  const byName = new Map(d.terms.flatMap((t) => t.symbols.map((s) => [s.name, s] as const)));
  return [...byName.values()];
}

const NONE: readonly Sym[] = [];

/** `2T+1`, `B*T`, `3*rows*T-1` */
export function printDim(d: Dim): string {
  if (typeof d === "number") return String(d);
  const terms = d.terms.map((term, i) => {
    const sign = term.factor < 0 ? "-" : i === 0 ? "" : "+";
    const key = keyOf(term);
    const size = Math.abs(term.factor);
    // A factor stands right before a capital; before another letter it would look like a number's exponent or suffix.
    return sign + (size === 1 ? key : `${size}${/^[A-Z]\b/.test(key) ? "" : "*"}${key}`);
  });
  return `${terms.join("")}${d.constant === 0 ? "" : d.constant < 0 ? d.constant : `+${d.constant}`}`;
}
