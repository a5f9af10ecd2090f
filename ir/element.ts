// How an element is computed, as an op says it once: over numbers it is the reference, over WGSL text it is the kernel, over
// places it tells which elements are read, over affine forms it proves what masks hold.
import type { Attrs } from "./attr.ts";
import type { Dim, DType, TensorType } from "./type.ts";

/** What a scalar function knows besides its arguments. */
export interface ScalarContext {
  readonly attrs: Attrs;
  /** The last argument's dtype, which is every argument's but a condition's. */
  readonly dtype: DType;
}

/** A function of numbers, and the same as WGSL. Those that ops share are `SCALARS`; an op may bring its own. */
export interface ScalarFunction {
  /** On numbers; absent where the op has `decompose`. */
  readonly scalar?: (args: readonly number[], context: ScalarContext) => number;
  /** As a WGSL expression over expressions, which are names, literals or in parentheses. */
  wgsl(args: readonly string[], context: ScalarContext): string;
  /** WGSL functions that the expression calls. */
  readonly helpers?: readonly string[];
  /** The dtype of what it gives for arguments of these; the last one's when absent. */
  readonly result?: (dtypes: readonly DType[], attrs: Attrs) => DType;
}

/** Arithmetic on elements. E: an element; C: a condition. Arguments of one call have one dtype. */
export interface ScalarMath<E, C> {
  /** A number of that dtype. */
  constant(value: number, dtype: DType): E;
  /** A function of the op's own. */
  call(f: ScalarFunction, args: readonly E[], attrs?: Attrs): E;
  /** An element of the dtype bool as a condition, to choose by. */
  holds(e: E): C;
  /** a + b; integers wrap. */
  add(a: E, b: E): E;
  /** a − b */
  sub(a: E, b: E): E;
  /** a · b */
  mul(a: E, b: E): E;
  /** a / b; integers truncate toward zero. */
  div(a: E, b: E): E;
  /** The smaller one. */
  min(a: E, b: E): E;
  /** The larger one. */
  max(a: E, b: E): E;
  /** aᵇ */
  pow(a: E, b: E): E;
  /** −x */
  neg(x: E): E;
  /** |x| */
  abs(x: E): E;
  /** ⌊x⌋ */
  floor(x: E): E;
  /** eˣ */
  exp(x: E): E;
  /** ln x */
  log(x: E): E;
  /** √x */
  sqrt(x: E): E;
  /** 1 / √x */
  inverseSqrt(x: E): E;
  /** tanh x */
  tanh(x: E): E;
  /** sin x, x in radians. */
  sin(x: E): E;
  /** cos x, x in radians. */
  cos(x: E): E;
  /** The same number in another dtype. */
  cast(x: E, to: DType): E;
  /** a < b */
  less(a: E, b: E): C;
  /** a ≤ b */
  lessEqual(a: E, b: E): C;
  /** a = b */
  equal(a: E, b: E): C;
}

/** Arithmetic on places. I: an index; C: a condition. */
export interface IndexMath<I, C> {
  /** A length. */
  dim(d: Dim): I;
  /** a + b */
  add(a: I, b: I): I;
  /** a − b */
  sub(a: I, b: I): I;
  /** a · b */
  mul(a: I, b: I): I;
  /** ⌊a / b⌋ */
  div(a: I, b: I): I;
  /** a mod b */
  mod(a: I, b: I): I;
  /** a < b */
  less(a: I, b: I): C;
}

/** What an element is computed with: places are moved, elements loaded, chosen and computed with. */
export interface ElementMath<I, E, C> extends IndexMath<I, C> {
  /** Arithmetic on elements. */
  readonly scalar: ScalarMath<E, C>;
  /** The operand's element at an index. */
  load(operand: number, at: readonly I[]): E;
  /** An integer element as an index of an axis of that length. Kernels read the last place in the place of one beyond it. */
  toIndex(e: E, length: Dim): I;
  /** An index as an element. */
  toElement(i: I, dtype: DType): E;
  /** One of two elements. Only the chosen one is loaded. */
  select(condition: C, whenTrue: () => E, whenFalse: () => E): E;
}

/** What an element may depend on besides operands. */
export interface ElementContext {
  readonly types: readonly TensorType[];
  readonly attrs: Attrs;
  /** Which result the element belongs to. */
  readonly result: number;
}

/** The element of result `context.result` at `at`. It says the same for every place: the arithmetic is all that it may ask. */
export type Element = <I, E, C>(at: readonly I[], math: ElementMath<I, E, C>, context: ElementContext) => E;

/** Where one element goes: into `result` at `at`, when `lo ≤ place` and `place < hi` (both absent: always). */
export interface Target<I> {
  readonly result: number;
  readonly at: readonly I[];
  readonly when?: { readonly place: I; readonly lo: Dim; readonly hi: Dim };
}

/** What a place is computed with: other places, and elements of operands that say where. */
export interface PlaceMath<I, E> extends IndexMath<I, unknown> {
  /** The operand's element at an index. */
  load(operand: number, at: readonly I[]): E;
  /** An integer element as an index, of an axis of that length or beyond it. */
  toIndex(e: E, length: Dim): I;
}

/** What a target may depend on besides places. */
export interface TargetContext extends Omit<ElementContext, "result"> {
  /** Which operand the element is of. */
  readonly operand: number;
}

/** Where each element of one operand goes, or of every operand. */
export interface Writes {
  /** The operand whose elements move; `each` where every operand's do. */
  readonly operand: number | "each";
  /** The places of the operand's element at `at`. One that data leads out of the result is not written. */
  targets<I, E>(at: readonly I[], math: PlaceMath<I, E>, context: TargetContext): readonly Target<I>[];
}

/**
 * The place of an operand of that shape that is read for the element at `at`, as numpy broadcasts: axes are aligned from the
 * last, and one of length 1 is read at 0.
 */
export const broadcastPlace = <I>(
  at: readonly I[],
  shape: readonly Dim[],
  math: Pick<IndexMath<I, unknown>, "dim">,
): readonly I[] =>
  shape.map((d, axis) => {
    const i = at[axis + at.length - shape.length];
    if (d === 1) return math.dim(0);
    if (i === undefined)
      throw new RangeError(`a place of ${at.length} axes has no axis ${axis + at.length - shape.length}`);
    return i;
  });

/** What a function gives for arguments of these dtypes. */
export const scalarDType = (f: ScalarFunction, dtypes: readonly DType[], attrs: Attrs): DType =>
  f.result?.(dtypes, attrs) ?? dtypes.at(-1) ?? "f32";
