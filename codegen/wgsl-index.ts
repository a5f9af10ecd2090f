// Index arithmetic as WGSL text. What is known at compile time is computed here, so that kernels print no `i * 1u + 0u`.
import { type Dim, isNeverNegative } from "../ir/index.ts";

/** WGSL text, and the symbols of shapes that it reads, by name. Who puts it into a kernel prints it by the kernel's region. */
export interface Fragment {
  readonly text: string;
  readonly symbols?: readonly string[];
}

/**
 * A u32 expression; `value` is set when it is a constant. `atom`: needs no parentheses. Below 0 it wraps, as u32 does, so
 * that sums and products come out right; what divides or compares asks whether it is `signed`, and so may be below 0.
 */
export interface Index extends Fragment {
  readonly value?: number;
  readonly atom: boolean;
  readonly signed?: boolean;
  /** Whether it was read from a buffer, and so may be anything. */
  readonly data?: boolean;
  /** What is known of how it was made. */
  readonly steps?: Steps;
}

/** count · size + offset, with 0 ≤ offset < size: what divides by the size, or by a multiple or divisor of it, is told by the parts. */
export interface Steps {
  /** How many whole steps. */
  readonly count: Index;
  /** How long one is. */
  readonly size: number;
  /** What is left. */
  readonly offset: number;
}

/** A constant. */
export const indexOf = (n: number): Index => ({ text: `${n >>> 0}u`, value: n, atom: true, ...(n < 0 && SIGNED) });
/** A name of the WGSL. */
export const indexName = (name: string): Index => ({ text: name, atom: true });

const SIGNED = { signed: true } as const;
const signOf = (...parts: readonly Index[]): Pick<Index, "signed" | "data"> => ({
  ...(parts.some((i) => i.signed) && SIGNED),
  ...dataOf(...parts),
});
const dataOf = (...parts: readonly Index[]): Pick<Index, "data"> => (parts.some((i) => i.data) ? { data: true } : {});
/** What text that is made of these reads. */
function symbolsOf(...parts: readonly Fragment[]): { readonly symbols?: readonly string[] } {
  const symbols = [...new Set(parts.flatMap((p) => p.symbols ?? []))];
  return symbols.length === 0 ? {} : { symbols };
}
/** The index as an i32, which is what it is where it may be below 0. */
export const signedText = (a: Index): string => (a.value === undefined ? `i32(${a.text})` : `${a.value | 0}`);

const wrap = (a: Index): string => (a.atom ? a.text : `(${a.text})`);
const join = (a: Index, sign: string, b: Index): Index => ({
  text: `${wrap(a)} ${sign} ${wrap(b)}`,
  atom: false,
  ...signOf(a, b),
  ...symbolsOf(a, b),
});

/** The place `offset` among each `size` neighbours, of which `name` is the first and stands at a multiple of the size. */
export function neighbourOf(name: string, size: number, offset: number): Index {
  const count = divIndex(indexName(name), indexOf(size));
  return { ...addIndex(indexName(name), indexOf(offset)), steps: { count, size, offset } };
}

/** The index in steps of `size`, where that can be told. */
function inSteps({ value, signed, data, steps }: Index, size: number): Steps | undefined {
  if (value !== undefined && value >= 0)
    return { count: indexOf(Math.floor(value / size)), size, offset: value % size };
  if (!steps || signed || data || steps.size % size !== 0) return undefined;
  const count = addIndex(mulIndex(steps.count, indexOf(steps.size / size)), indexOf(Math.floor(steps.offset / size)));
  return { count, size, offset: steps.offset % size };
}

/** Which of each `size` neighbours the place is, where that can be told. */
export const offsetOf = (place: Index, size: number): number | undefined => inSteps(place, size)?.offset;

/** What is known of a sum of two. */
function stepsOfSum(a: Index, b: Index): Pick<Index, "steps"> {
  const sizes = [a, b].flatMap((i) => (i.steps ? [i.steps.size] : []));
  const size = sizes.reduce(greatestDivisor, sizes[0] ?? 1);
  const [s, t] = size > 1 ? [inSteps(a, size), inSteps(b, size)] : [];
  return s && t && s.offset + t.offset < size
    ? { steps: { count: addIndex(s.count, t.count), size, offset: s.offset + t.offset } }
    : {};
}

const greatestDivisor = (a: number, b: number): number => (b === 0 ? a : greatestDivisor(b, a % b));

/** a + b */
export function addIndex(a: Index, b: Index): Index {
  if (a.value !== undefined && b.value !== undefined) return indexOf(a.value + b.value);
  if (a.value === 0) return b;
  if (b.value === 0) return a;
  if (b.value !== undefined && b.value < 0) return { ...join(a, "-", indexOf(-b.value)), ...SIGNED };
  return { ...join(a, "+", b), text: `${a.text} + ${wrap(b)}`, ...stepsOfSum(a, b) };
}

export function subIndex(a: Index, b: Index): Index {
  if (a.value !== undefined && b.value !== undefined) return indexOf(a.value - b.value);
  return b.value === 0 ? a : { ...join(a, "-", b), ...SIGNED, ...stepsOfDifference(a, b) };
}

/** What is known of a difference whose second part is a whole number of steps. It may be below 0, as its count then is. */
function stepsOfDifference({ steps }: Index, { value }: Index): Pick<Index, "steps"> {
  if (!steps || value === undefined || value < 0 || value % steps.size !== 0) return {};
  return { steps: { ...steps, count: subIndex(steps.count, indexOf(value / steps.size)) } };
}

/** a · b */
export function mulIndex(a: Index, b: Index): Index {
  if (a.value !== undefined && b.value !== undefined) return indexOf(a.value * b.value);
  if (a.value === 0 || b.value === 0) return indexOf(0);
  if (a.value === 1) return b;
  if (b.value === 1) return a;
  const [factor, by] = a.value === undefined ? [b.value, a] : [a.value, b];
  const known = factor !== undefined && factor > 1 && !by.signed && !by.data;
  return { ...join(a, "*", b), ...(known && { steps: { count: by, size: factor, offset: 0 } }) };
}

/** How an index that goes in steps divides by a length: by whole steps, or by a length of so many steps. */
type Division =
  | { readonly of: "whole"; readonly steps: Steps }
  | { readonly of: "part"; readonly steps: Steps; readonly length: Index };

function stepsTo(a: Index, { value: length }: Index): Division | undefined {
  if (!a.steps || length === undefined || a.signed || a.data) return undefined;
  const whole = inSteps(a, length);
  if (whole) return { of: "whole", steps: whole };
  const { size } = a.steps;
  return length % size === 0 ? { of: "part", steps: a.steps, length: indexOf(length / size) } : undefined;
}

/** ⌊a / b⌋ */
export function divIndex(a: Index, b: Index): Index {
  if (a.value !== undefined && b.value !== undefined) return indexOf(Math.floor(a.value / b.value));
  if (b.value === 1) return a;
  const known = stepsTo(a, b);
  if (known) return known.of === "whole" ? known.steps.count : divIndex(known.steps.count, known.length);
  // Rounded down, also below 0: what is left of a without its remainder divides evenly.
  if (a.signed)
    return {
      text: `u32((${signedText(a)} - ${floorMod(a, b)}) / ${signedText(b)})`,
      atom: true,
      ...SIGNED,
      ...dataOf(a, b),
      ...symbolsOf(a, b),
    };
  return join(a, "/", b);
}

/** a mod b, from 0 on. */
export function modIndex(a: Index, b: Index): Index {
  if (a.value !== undefined && b.value !== undefined) return indexOf(a.value - b.value * Math.floor(a.value / b.value));
  if (b.value === 1) return indexOf(0);
  const known = stepsTo(a, b);
  if (known) {
    const { count, size, offset } = known.steps;
    if (known.of === "whole") return indexOf(offset);
    const left = modIndex(count, known.length);
    return { ...addIndex(mulIndex(left, indexOf(size)), indexOf(offset)), steps: { count: left, size, offset } };
  }
  return a.signed
    ? { text: `u32(${floorMod(a, b)})`, atom: true, ...dataOf(a, b), ...symbolsOf(a, b) }
    : join(a, "%", b);
}

/** a mod b of signed numbers, which WGSL's own remainder is not below 0. */
function floorMod(a: Index, b: Index): string {
  const length = signedText(b);
  return `((${signedText(a)} % ${length} + ${length}) % ${length})`;
}

/** a < b */
export const lessIndex = (a: Index, b: Index): Fragment => ({
  text: a.signed || b.signed ? `${signedText(a)} < ${signedText(b)}` : `${a.text} < ${b.text}`,
  ...symbolsOf(a, b),
});

/** The index, but for what is beyond a length: that is the last one. `text` is any u32 expression. */
export const withinIndex = (text: string, length: Index): Index => {
  const last = subIndex(length, indexOf(1));
  return { text: `min(${text}, ${last.text})`, atom: true, ...symbolsOf(last) };
};

/** An index that names a place there is, and so is not below 0, whatever it was made of. */
export function placed(i: Index): Index {
  if (!i.signed || i.data) return i;
  return { ...i, signed: false, ...(i.steps && { steps: { ...i.steps, count: placed(i.steps.count) } }) };
}

/** Whether a place lies in a range, where that is known: of a constant. */
export const isWithin = (place: Index, lo: Index, hi: Index): boolean | undefined =>
  place.value === undefined || lo.value === undefined || hi.value === undefined
    ? undefined
    : place.value >= lo.value && place.value < hi.value;

/** Whether a place lies in a range. Neighbours in one step lie in it together, and are asked in one text, where its ends are whole steps. */
export function rangeIndex(place: Index, lo: Index, hi: Index): Fragment {
  const { count, size, offset } = place.signed || place.data ? {} : (place.steps ?? {});
  const ends = [lo.value, hi.value].map((n) => (n === undefined || size === undefined ? 1 : n % size));
  if (count && size !== undefined && offset !== undefined && ends.every((n) => n === 0))
    return rangeIndex(count, divIndex(lo, indexOf(size)), divIndex(hi, indexOf(size)));
  const p = wrap(place);
  const below = `${p} < ${hi.text}`;
  return {
    text: lo.value === 0 ? below : `${p} >= ${lo.text} && ${below}`,
    ...(lo.value === 0 ? symbolsOf(place, hi) : symbolsOf(place, lo, hi)),
  };
}

/** What WGSL calls a symbol: a capital is no word of WGSL, and no word of WGSL ends with an underscore. */
export const symbolMember = (name: string): string => (/^[A-Z]$/.test(name) ? name : `${name}_`);

/** A symbol, read from the uniform of all symbols. */
const symbolIndex = (name: string): Index => ({ text: `symbols.${symbolMember(name)}`, atom: true, symbols: [name] });

/** A dim: symbols are read from the uniform of that name. */
export function dimIndex(d: Dim): Index {
  if (typeof d === "number") return indexOf(d);
  let sum: Index | undefined;
  for (const { factor: k, symbols } of d.terms) {
    const product = symbols.map((s) => symbolIndex(s.name)).reduce(mulIndex);
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

/** How many elements a tensor of that shape has. */
export const elementCount = (shape: readonly Dim[]): Index => shape.map(dimIndex).reduce(mulIndex, indexOf(1));

/** Index arithmetic as ops ask for it. */
export const INDEX_MATH = {
  dim: dimIndex,
  add: addIndex,
  sub: subIndex,
  mul: mulIndex,
  div: divIndex,
  mod: modIndex,
};
