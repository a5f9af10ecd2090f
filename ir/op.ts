// What the compiler knows about one operator. One file per op under `ops/`; shared code asks about traits, never names.
import type { AttrSpecs, Attrs, AttrsOf } from "./attr.ts";
import type { Element, Writes } from "./element.ts";
import type { HostTensor } from "./tensor.ts";
import type { Dim, TensorType } from "./type.ts";
import type { Value } from "./value.ts";

/** An operator. See `OpSpec` for how to write one. */
export interface Op {
  readonly name: string;
  readonly summary: string;
  /** Operand names. A variadic op has one, which stands for one or more operands. */
  readonly operands: readonly string[];
  readonly variadic: boolean;
  readonly attrs: AttrSpecs;
  /**
   * Result types.
   * @throws CompileError when the operands do not fit together.
   */
  infer(types: readonly TensorType[], attrs: Attrs): readonly TensorType[];
  /** The meaning, on host tensors whose shapes and attributes hold no symbols. Absent where `decompose` gives it. */
  readonly reference?: (args: readonly HostTensor[], attrs: Attrs) => readonly HostTensor[];
  /** A fused op's meaning: the composition it replaces. */
  readonly decompose?: (emit: Emit, operands: readonly Value[], attrs: Attrs) => readonly Value[];
  /**
   * The same in steps, of which the first can be shared by `parts` times as many workgroups: partial results, and what puts them
   * together. Nothing where it can't be cut into so many.
   */
  readonly split?: (
    emit: Emit,
    operands: readonly Value[],
    attrs: Attrs,
    parts: number,
  ) => readonly Value[] | undefined;
  readonly traits: Traits;
  /** Operands that every kernel of the op is tried on. */
  readonly cases: readonly OpCase[];
}

/** What a graph's text may name, and what kernels may be made for. A toolkit is one. */
export interface OpSet {
  readonly ops: readonly Op[];
}

/** Makes a node and returns its results; the types are inferred. A number stands for an f32 literal. */
export type Emit = (op: Op, operands: readonly (Value | number)[], attrs?: Attrs, name?: string) => readonly Value[];

/** Operand types as text, e.g. `["f32[3, 7]", "f32[7]"]`; integer operands are filled with 0, 1 and 2 where nothing is given. */
export interface OpCase {
  readonly types: readonly string[];
  readonly attrs?: Attrs;
  /** The elements of operands, by name, that can't be any. */
  readonly given?: Readonly<Record<string, readonly number[]>>;
}

/** What shared code may ask of an op. */
export interface Traits {
  /** The operands may stand in any order, all of them. */
  readonly commutative?: boolean;
  /**
   * Each element of each result, computed from its place and from elements of the operands, at places computed likewise. Passes
   * and kernels that have to know more of an op find it out: `factsOf`.
   */
  readonly element?: Element;
  /**
   * The other side: each element of one operand, or of each, goes to one place of one result. No element of a result comes from elsewhere,
   * but where `updatesFirstOperand` keeps it.
   */
  readonly writes?: Writes;
  /** Folds the axis that the attribute `axis` names, which stays with length 1 or goes. */
  readonly reduces?: Reduction;
  /**
   * Ranges of operands' axes that it reads or writes, where the attributes or another operand's length say which. They must lie
   * on the axis; where symbols decide that, a call is refused that breaks it.
   */
  readonly ranges?: (types: readonly TensorType[], attrs: Attrs) => readonly AxisRange[];
  /** Result 0 may live in operand 0's buffer: the op changes part of it and keeps the rest. */
  readonly updatesFirstOperand?: boolean;
  /**
   * Operands, by name, that its kernels have read as a whole before the first result is stored: what follows it in a kernel may
   * overwrite them.
   */
  readonly readsBeforeResults?: readonly string[];
  /** A kernel is built around it, and pointwise neighbours may be computed in that kernel. */
  readonly anchor?: boolean;
  /** Normalises the last axis as described, and may be computed on the way into a kernel that takes rows. */
  readonly normalizes?: Normalization;
}

/** From `start` on, `length` places of an axis of an operand. */
export interface AxisRange {
  readonly operand: number;
  readonly axis: number;
  readonly start: Dim;
  readonly length: Dim;
}

/** How an axis is folded: from `identity` on, element by element. */
export interface Reduction {
  readonly identity: number;
  /** The fold of two folds. */
  combine(a: number, b: number): number;
  /** The same on WGSL expressions. */
  combineWgsl(a: string, b: string): string;
  /** Turns the fold of `count` elements into the result. */
  finish?(folded: number, count: number): number;
  /** The same as `finish`, on WGSL expressions. */
  finishWgsl?(folded: string, count: string): string;
}

/**
 * How a row x, along the last axis of operand 0, is normalised:
 * y = (x − centre) / √(moment of (x − centre)² + eps) · scale + shift. Kernels compute what is described here, for any op.
 */
export interface Normalization {
  /** What is subtracted: the row's mean, or nothing. */
  readonly centre: "mean" | "none";
  /** What of the squares is divided by: their mean, or their sum. */
  readonly moment: "mean" | "sum";
  /** The attribute that holds ε. */
  readonly eps: string;
  /** Which operand each column is multiplied by, a vector as long as the row; none where absent. */
  readonly scale?: number;
  /** Which operand is added to each column, likewise. */
  readonly shift?: number;
}

/** A type for each operand. */
export type TypesOf<N extends readonly string[]> = { readonly [K in keyof N]: TensorType };
/** A tensor for each operand. */
export type TensorsOf<N extends readonly string[]> = { readonly [K in keyof N]: HostTensor };
/** A value for each operand. */
export type ValuesOf<N extends readonly string[]> = { readonly [K in keyof N]: Value };

/** An op as its file writes it: operands as a tuple, attributes typed from their specs. */
export interface OpSpec<N extends readonly string[], S extends AttrSpecs> {
  readonly name: string;
  readonly summary: string;
  readonly operands: N;
  readonly variadic?: boolean;
  readonly attrs?: S;
  /**
   * The result types.
   * @throws CompileError when the operands do not fit together.
   */
  infer(types: TypesOf<N>, attrs: AttrsOf<S>): TensorType | readonly TensorType[];
  /** The meaning, on host tensors. */
  reference?(args: TensorsOf<N>, attrs: AttrsOf<S>): HostTensor | readonly HostTensor[];
  /** A fused op's meaning: the composition it replaces. */
  decompose?(emit: Emit, operands: ValuesOf<N>, attrs: AttrsOf<S>): Value | readonly Value[];
  /** The same in steps, the first of which `parts` times as many workgroups can share; see `Op.split`. */
  split?(emit: Emit, operands: ValuesOf<N>, attrs: AttrsOf<S>, parts: number): Value | readonly Value[] | undefined;
  readonly traits?: Traits;
  readonly cases: readonly OpCase[];
}

const many = <X extends object>(x: X | readonly X[]): readonly X[] => (Array.isArray(x) ? x : [x as X]);

/** Erases an op file's own types; the verifier has checked operand counts and attributes before any of it is called. */
export function defineOp<const N extends readonly string[], S extends AttrSpecs = Record<string, never>>(
  op: OpSpec<N, S>,
): Op {
  const { reference, decompose, split } = op;
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
    ...(split && {
      split: (emit: Emit, operands: readonly Value[], attrs: Attrs, parts: number) => {
        const made = split(emit, operands as ValuesOf<N>, attrs as AttrsOf<S>, parts);
        return made && many(made);
      },
    }),
    traits: op.traits ?? {},
    cases: op.cases,
  };
}
