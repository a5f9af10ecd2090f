// What the compiler knows about one operator. One file per op under `ops/`; shared code asks about traits, never names.
import type { AttrSpecs, Attrs, AttrsOf } from "./attr.ts";
import type { HostTensor } from "./tensor.ts";
import type { Dim, DType, TensorType } from "./type.ts";
import type { Value } from "./value.ts";

export interface Op {
  readonly name: string;
  readonly summary: string;
  /** Operand names. A variadic op has one, which stands for one or more operands. */
  readonly operands: readonly string[];
  readonly variadic: boolean;
  readonly attrs: AttrSpecs;
  /** Result types. Throws a CompileError when the operands do not fit together. */
  infer(types: readonly TensorType[], attrs: Attrs): readonly TensorType[];
  /** The meaning, on host tensors whose shapes and attributes hold no symbols. Absent where `decompose` gives it. */
  readonly reference?: (args: readonly HostTensor[], attrs: Attrs) => readonly HostTensor[];
  /** A fused op's meaning: the composition it replaces. */
  readonly decompose?: (emit: Emit, operands: readonly Value[], attrs: Attrs) => readonly Value[];
  readonly traits: Traits;
  /** Operands that every kernel of the op is tried on. */
  readonly cases: readonly OpCase[];
}

/** Makes a node and returns its results; the types are inferred. A number stands for an f32 literal. */
export type Emit = (op: Op, operands: readonly (Value | number)[], attrs?: Attrs, name?: string) => readonly Value[];

/** Operand types as text, e.g. `["f32[3, 7]", "f32[7]"]`; integer operands are filled with 0, 1 and 2. */
export interface OpCase {
  readonly types: readonly string[];
  readonly attrs?: Attrs;
}

export interface Traits {
  /** f(a, b) = f(b, a). */
  readonly commutative?: boolean;
  /** result[i] depends on the operands' elements at i (after broadcasting) and nothing else. */
  readonly pointwise?: Pointwise;
  /** result[i] is one element of the operands, at an index computed from i: views, gathers, masks' coordinates. */
  readonly reads?: Reads;
  /** The inverse of `reads`, for an op that moves each element of one operand to one place of one result. */
  readonly writes?: Writes;
  /** Folds one axis. */
  readonly reduces?: Reduction;
  /** Result 0 may live in operand 0's buffer: the op changes part of it and keeps the rest. */
  readonly updatesFirstOperand?: boolean;
  /** A kernel is built around it, and pointwise neighbours may be computed in that kernel. */
  readonly anchor?: boolean;
  /** Works on whole rows, keeps the shape, and may be computed on the way into a kernel that accepts it. */
  readonly normalizes?: boolean;
}

export interface PointwiseContext {
  readonly attrs: Attrs;
  /** The last operand's dtype, which is every operand's but a condition's. */
  readonly dtype: DType;
}

export interface Pointwise {
  /** On numbers; absent where the op has `decompose`. */
  readonly scalar?: (args: readonly number[], context: PointwiseContext) => number;
  /** As a WGSL expression over expressions, which are names, literals or in parentheses. */
  wgsl(args: readonly string[], context: PointwiseContext): string;
  /** WGSL functions that the expression calls. */
  readonly helpers?: readonly string[];
}

/**
 * Index arithmetic, written once and read twice: over numbers it is the reference, over WGSL text it is the kernel.
 * I: an index; E: an element; C: a condition.
 */
export interface ElementMath<I, E, C> {
  dim(d: Dim): I;
  add(a: I, b: I): I;
  sub(a: I, b: I): I;
  mul(a: I, b: I): I;
  div(a: I, b: I): I;
  mod(a: I, b: I): I;
  less(a: I, b: I): C;
  load(operand: number, at: readonly I[]): E;
  /** An integer element as an index, and an index as an element. */
  toIndex(e: E): I;
  toElement(i: I, dtype: DType): E;
  select(condition: C, whenTrue: () => E, whenFalse: () => E): E;
}

export interface ElementContext {
  readonly types: readonly TensorType[];
  readonly attrs: Attrs;
  /** Which result the element belongs to. */
  readonly result: number;
}

export interface Reads {
  element<I, E, C>(at: readonly I[], math: ElementMath<I, E, C>, context: ElementContext): E;
}

export type IndexMath<I, C> = Pick<ElementMath<I, never, C>, "dim" | "add" | "sub" | "mul" | "div" | "mod" | "less">;

/** Where one element goes: into `result` at `at`, when `lo ≤ place` and `place < hi` (both absent: always). */
export interface Target<I> {
  readonly result: number;
  readonly at: readonly I[];
  readonly when?: { readonly place: I; readonly lo: Dim; readonly hi: Dim };
}

export interface Writes {
  /** The operand whose elements move. */
  readonly operand: number;
  targets<I>(
    at: readonly I[],
    math: IndexMath<I, unknown>,
    context: Omit<ElementContext, "result">,
  ): readonly Target<I>[];
}

export interface Reduction {
  readonly identity: number;
  combine(a: number, b: number): number;
  /** The same on WGSL expressions. */
  combineWgsl(a: string, b: string): string;
  /** Turns the fold of `count` elements into the result. */
  finish?(folded: number, count: number): number;
  finishWgsl?(folded: string, count: string): string;
}

type TypesOf<N extends readonly string[]> = { readonly [K in keyof N]: TensorType };
type TensorsOf<N extends readonly string[]> = { readonly [K in keyof N]: HostTensor };
type ValuesOf<N extends readonly string[]> = { readonly [K in keyof N]: Value };

/** An op as its file writes it: operands as a tuple, attributes typed from their specs. */
export interface OpSpec<N extends readonly string[], S extends AttrSpecs> {
  readonly name: string;
  readonly summary: string;
  readonly operands: N;
  readonly variadic?: boolean;
  readonly attrs?: S;
  infer(types: TypesOf<N>, attrs: AttrsOf<S>): TensorType | readonly TensorType[];
  reference?(args: TensorsOf<N>, attrs: AttrsOf<S>): HostTensor | readonly HostTensor[];
  decompose?(emit: Emit, operands: ValuesOf<N>, attrs: AttrsOf<S>): Value | readonly Value[];
  readonly traits?: Traits;
  readonly cases: readonly OpCase[];
}

const many = <X extends object>(x: X | readonly X[]): readonly X[] => (Array.isArray(x) ? x : [x as X]);

/** Erases an op file's own types; the verifier has checked operand counts and attributes before any of it is called. */
export function defineOp<const N extends readonly string[], S extends AttrSpecs = Record<string, never>>(
  op: OpSpec<N, S>,
): Op {
  const { reference, decompose } = op;
  return {
    name: op.name,
    summary: op.summary,
    operands: op.operands,
    variadic: op.variadic ?? false,
    attrs: op.attrs ?? {},
    infer: (types, attrs) => many(op.infer(types as TypesOf<N>, attrs as AttrsOf<S>)),
    ...(reference && {
      reference: (args: readonly HostTensor[], attrs: Attrs) =>
        many(reference(args as TensorsOf<N>, attrs as AttrsOf<S>)),
    }),
    ...(decompose && {
      decompose: (emit: Emit, operands: readonly Value[], attrs: Attrs) =>
        many(decompose(emit, operands as ValuesOf<N>, attrs as AttrsOf<S>)),
    }),
    traits: op.traits ?? {},
    cases: op.cases,
  };
}
