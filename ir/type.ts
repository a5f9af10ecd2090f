// The types of values: an element type and a shape whose dims may be symbolic.

import type { DType } from "../base/dtype.ts";

export { DTYPES, type DType } from "../base/dtype.ts";

/** The symbols of a shape: `B` sequences, `T` new tokens, `P` past tokens. Each is ≥ 1, but P may be 0. */
export const SYMBOLS = ["B", "T", "P"] as const;
/** A symbol of a shape. */
export type Sym = (typeof SYMBOLS)[number];

/** `constant + Σ terms[s]·s`, with at least one non-zero term. Made only by `affine`, so equal dims look equal. */
export interface Affine {
  readonly constant: number;
  readonly terms: Readonly<Partial<Record<Sym, number>>>;
}
/** A length: a number, or a sum of symbols. */
export type Dim = number | Affine;
/** Lengths, from the outermost axis on. */
export type Shape = readonly Dim[];

/** The type of a value, such as `f32[T, 768]`. */
export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** What the symbols stand for in one run. */
export type SymbolValues = Readonly<Partial<Record<Sym, number>>>;

/** How many tokens are new. */
export const T: Affine = { constant: 0, terms: { T: 1 } };
/** How many tokens were there before. */
export const P: Affine = { constant: 0, terms: { P: 1 } };

/** `f32[2, 3]` is `tensorType("f32", [2, 3])`. */
export function tensorType(dtype: DType, shape: Shape): TensorType {
  return { dtype, shape };
}

/** The canonical dim for a constant and coefficients: a plain number when no symbol is left. */
export function affine(constant: number, terms: Readonly<Partial<Record<Sym, number>>>): Dim {
  const kept: Partial<Record<Sym, number>> = {};
  for (const s of SYMBOLS) {
    const k = terms[s] ?? 0;
    if (k !== 0) kept[s] = k;
  }
  return Object.keys(kept).length === 0 ? constant : { constant, terms: kept };
}

const parts = (d: Dim): Affine => (typeof d === "number" ? { constant: d, terms: {} } : d);

/** a + b */
export function addDims(a: Dim, b: Dim): Dim {
  const [x, y] = [parts(a), parts(b)];
  const terms: Partial<Record<Sym, number>> = {};
  for (const s of SYMBOLS) terms[s] = (x.terms[s] ?? 0) + (y.terms[s] ?? 0);
  return affine(x.constant + y.constant, terms);
}

/** k · a */
export function scaleDim(a: Dim, k: number): Dim {
  const x = parts(a);
  const terms: Partial<Record<Sym, number>> = {};
  for (const s of SYMBOLS) terms[s] = (x.terms[s] ?? 0) * k;
  return affine(x.constant * k, terms);
}

/** a − b */
export const subDims = (a: Dim, b: Dim): Dim => addDims(a, scaleDim(b, -1));

/** Whether two lengths are equal for every value of the symbols. */
export function dimEquals(a: Dim, b: Dim): boolean {
  const [x, y] = [parts(a), parts(b)];
  return x.constant === y.constant && SYMBOLS.every((s) => (x.terms[s] ?? 0) === (y.terms[s] ?? 0));
}

/** The same of all axes. */
export const shapeEquals = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((d, i) => dimEquals(d, b[i] ?? -1));

/** Whether shape and element type are the same. */
export const typeEquals = (a: TensorType, b: TensorType): boolean =>
  a.dtype === b.dtype && shapeEquals(a.shape, b.shape);

/** The dim with the given symbols replaced by numbers; others stay. */
export function bindDim(d: Dim, symbols: SymbolValues): Dim {
  if (typeof d === "number") return d;
  let constant = d.constant;
  const terms: Partial<Record<Sym, number>> = {};
  for (const s of SYMBOLS) {
    const k = d.terms[s] ?? 0;
    const value = symbols[s];
    if (value === undefined) terms[s] = k;
    else constant += k * value;
  }
  return affine(constant, terms);
}

/** Whether a dim is 0 or more whatever its symbols stand for. */
export function isNeverNegative(d: Dim): boolean {
  const { constant, terms } = parts(d);
  // B and T are at least 1.
  const least = SYMBOLS.reduce((sum, s) => sum + (s === "P" ? 0 : (terms[s] ?? 0)), constant);
  return least >= 0 && SYMBOLS.every((s) => (terms[s] ?? 0) >= 0);
}

/** `undefined` when a symbol has no value. */
export function evalDim(d: Dim, symbols: SymbolValues): number | undefined {
  const bound = bindDim(d, symbols);
  return typeof bound === "number" ? bound : undefined;
}

/** Splits a dim into a whole number and what is left: 4T+8 → 4 · (T+2). */
function factor(d: Dim): [number, Dim] {
  if (typeof d === "number") return [d, 1];
  const gcd = (a: number, b: number): number => (b === 0 ? Math.abs(a) : gcd(b, a % b));
  const g = Object.values(d.terms).reduce(gcd, d.constant);
  const terms: Partial<Record<Sym, number>> = {};
  // Divided, not multiplied by 1/g, which is off for 49 and others.
  for (const s of SYMBOLS) terms[s] = (d.terms[s] ?? 0) / g;
  return [g, affine(d.constant / g, terms)];
}

/** Whether two shapes hold equally many elements for every value of the symbols (as far as whole dims cancel). */
export function sameElementCount(a: Shape, b: Shape): boolean {
  let [m, n] = [1, 1];
  const rest: Dim[] = [];
  for (const d of a) {
    const [k, symbolic] = factor(d);
    m *= k;
    if (typeof symbolic !== "number") rest.push(symbolic);
  }
  for (const d of b) {
    const [k, symbolic] = factor(d);
    n *= k;
    if (typeof symbolic === "number") continue;
    const i = rest.findIndex((r) => dimEquals(r, symbolic));
    if (i < 0) return false;
    rest.splice(i, 1);
  }
  return m === n && rest.length === 0;
}

/** `2T+1` */
export function printDim(d: Dim): string {
  if (typeof d === "number") return String(d);
  let text = "";
  for (const s of SYMBOLS) {
    const k = d.terms[s] ?? 0;
    if (k === 0) continue;
    text += k < 0 ? "-" : text === "" ? "" : "+";
    text += Math.abs(k) === 1 ? s : `${Math.abs(k)}${s}`;
  }
  if (d.constant === 0) return text;
  return d.constant < 0 ? `${text}${d.constant}` : `${text}+${d.constant}`;
}

/** `[T, 768]` */
export const printShape = (shape: Shape): string => `[${shape.map(printDim).join(", ")}]`;
/** `f32[T, 768]` */
export const printType = (t: TensorType): string => `${t.dtype}${printShape(t.shape)}`;

/**
 * The numpy broadcast of two shapes, or `undefined`. A symbolic dim broadcasts only with 1 or with itself.
 */
export function broadcastShapes(a: Shape, b: Shape): Shape | undefined {
  const rank = Math.max(a.length, b.length);
  const out: Dim[] = [];
  for (let i = 0; i < rank; i++) {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (dimEquals(x, y) || y === 1) out.push(x);
    else if (x === 1) out.push(y);
    else return undefined;
  }
  return out;
}

/** `axis` counted from the front, or `undefined` when there is no such axis. */
export function resolveAxis(axis: number, rank: number): number | undefined {
  const k = axis < 0 ? axis + rank : axis;
  return Number.isInteger(k) && k >= 0 && k < rank ? k : undefined;
}

/** Whether an element type is one of floating point. */
export const isFloat = (d: DType): boolean => d === "f32" || d === "f16";
