// Index arithmetic as WGSL text. What is known at compile time is computed here, so that kernels print no `i * 1u + 0u`.
import { type Dim, isNeverNegative } from "../ir/index.ts";

/**
 * A u32 expression; `value` is set when it is a constant. `atom`: needs no parentheses. Below 0 it wraps, as u32 does, so
 * that sums and products come out right; what divides or compares asks whether it is `signed`, and so may be below 0.
 */
export interface Index {
  readonly text: string;
  readonly value?: number;
  readonly atom: boolean;
  readonly signed?: boolean;
}

/** A constant. */
export const indexOf = (n: number): Index => ({ text: `${n >>> 0}u`, value: n, atom: true, ...(n < 0 && SIGNED) });
/** A name of the WGSL. */
export const indexName = (name: string): Index => ({ text: name, atom: true });

const SIGNED = { signed: true } as const;
const signOf = (...parts: readonly Index[]): { readonly signed?: true } => (parts.some((i) => i.signed) ? SIGNED : {});
/** The index as an i32, which is what it is where it may be below 0. */
export const signedText = (a: Index): string => (a.value === undefined ? `i32(${a.text})` : `${a.value | 0}`);

const wrap = (a: Index): string => (a.atom ? a.text : `(${a.text})`);
const join = (a: Index, sign: string, b: Index): Index => ({
  text: `${wrap(a)} ${sign} ${wrap(b)}`,
  atom: false,
  ...signOf(a, b),
});

/** a + b */
export function addIndex(a: Index, b: Index): Index {
  if (a.value !== undefined && b.value !== undefined) return indexOf(a.value + b.value);
  if (a.value === 0) return b;
  if (b.value === 0) return a;
  if (b.value !== undefined && b.value < 0) return { ...join(a, "-", indexOf(-b.value)), ...SIGNED };
  return { text: `${a.text} + ${wrap(b)}`, atom: false, ...signOf(a, b) };
}

export function subIndex(a: Index, b: Index): Index {
  if (a.value !== undefined && b.value !== undefined) return indexOf(a.value - b.value);
  return b.value === 0 ? a : { ...join(a, "-", b), ...SIGNED };
}

/** a · b */
export function mulIndex(a: Index, b: Index): Index {
  if (a.value !== undefined && b.value !== undefined) return indexOf(a.value * b.value);
  if (a.value === 0 || b.value === 0) return indexOf(0);
  if (a.value === 1) return b;
  return b.value === 1 ? a : join(a, "*", b);
}

/** ⌊a / b⌋ */
export function divIndex(a: Index, b: Index): Index {
  if (a.value !== undefined && b.value !== undefined) return indexOf(Math.floor(a.value / b.value));
  if (b.value === 1) return a;
  // Rounded down, also below 0: what is left of a without its remainder divides evenly.
  if (a.signed)
    return { text: `u32((${signedText(a)} - ${floorMod(a, b)}) / ${signedText(b)})`, atom: true, ...SIGNED };
  return join(a, "/", b);
}

/** a mod b, from 0 on. */
export function modIndex(a: Index, b: Index): Index {
  if (a.value !== undefined && b.value !== undefined) return indexOf(a.value - b.value * Math.floor(a.value / b.value));
  if (b.value === 1) return indexOf(0);
  return a.signed ? { text: `u32(${floorMod(a, b)})`, atom: true } : join(a, "%", b);
}

/** a mod b of signed numbers, which WGSL's own remainder is not below 0. */
function floorMod(a: Index, b: Index): string {
  const length = signedText(b);
  return `((${signedText(a)} % ${length} + ${length}) % ${length})`;
}

/** a < b */
export const lessIndex = (a: Index, b: Index): string =>
  a.signed || b.signed ? `${signedText(a)} < ${signedText(b)}` : `${a.text} < ${b.text}`;

/** What WGSL calls a symbol: a capital is no word of WGSL, and no word of WGSL ends with an underscore. */
export const symbolMember = (name: string): string => (/^[A-Z]$/.test(name) ? name : `${name}_`);

/** A dim as text: symbols are read from the uniform of that name. */
export function dimIndex(d: Dim): Index {
  if (typeof d === "number") return indexOf(d);
  let sum: Index | undefined;
  for (const { factor: k, symbols } of d.terms) {
    const product = symbols.map((s) => indexName(`symbols.${symbolMember(s.name)}`)).reduce(mulIndex);
    const term = mulIndex(product, indexOf(Math.abs(k)));
    sum =
      sum === undefined
        ? k > 0
          ? term
          : subIndex(indexOf(0), term)
        : k > 0
          ? addIndex(sum, term)
          : subIndex(sum, term);
  }
  const start = sum ?? indexOf(0);
  const index = d.constant < 0 ? subIndex(start, indexOf(-d.constant)) : addIndex(start, indexOf(d.constant));
  // T − 1 is below 0 for no T.
  return isNeverNegative(d) ? { ...index, signed: false } : index;
}

/** The row-major place of `at` in a tensor of that shape. */
export function flatIndex(at: readonly Index[], shape: readonly Dim[]): Index {
  return at.reduce((flat, i, axis) => addIndex(mulIndex(flat, dimIndex(shape[axis] ?? 1)), i), indexOf(0));
}

/** The coordinates of element `flat`, all but the first as `let` statements appended to `lines`. */
export function unravel(flat: string, shape: readonly Dim[], lines: string[]): Index[] {
  const at: Index[] = [];
  let rest = indexName(flat);
  for (let axis = shape.length - 1; axis > 0; axis--) {
    const size = dimIndex(shape[axis] ?? 1);
    const i = modIndex(rest, size);
    at.unshift(i.value === undefined ? named(`i${axis}`, i, lines) : i);
    rest = size.value === 1 ? rest : named(`rest${axis}`, divIndex(rest, size), lines);
  }
  if (shape.length > 0) at.unshift(shape[0] === 1 ? indexOf(0) : rest);
  return at;
}

function named(name: string, i: Index, lines: string[]): Index {
  if (i.atom) return i;
  lines.push(`let ${name} = ${i.text};`);
  return indexName(name);
}

/** The arguments of a call: a place, which has no coordinates where the rank is 0, and what stands after it. */
export const callArguments = (place: readonly Index[], ...more: readonly string[]): string =>
  [...place.map((i) => i.text), ...more].join(", ");

/** Index arithmetic as ops ask for it. */
export const INDEX_MATH = {
  dim: dimIndex,
  add: addIndex,
  sub: subIndex,
  mul: mulIndex,
  div: divIndex,
  mod: modIndex,
};
