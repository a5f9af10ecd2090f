// Pointwise ops, whose element is a function of the operands' elements in its own place: a short way to write `element`.
import type { AttrSpecs, Attrs, AttrsOf } from "./attr.ts";
import { broadcastPlace, type Element, type ScalarContext, type ScalarFunction, scalarDType } from "./element.ts";
import { at, CompileError } from "./errors.ts";
import { elementTensors } from "./host-elements.ts";
import { defineOp, type Op, type OpCase, type OpSpec } from "./op.ts";
import type { HostTensor } from "./tensor.ts";
import { broadcastShapes, type DType, printShape, printType, type TensorType, tensorType } from "./type.ts";

/** A pointwise op as its file writes it. `N` are the operands' names, `S` the attributes' specs. */
export type PointwiseSpec<N extends readonly string[], S extends AttrSpecs> = PointwiseOp<N, S> &
  (OwnFunction<N, S> | { /** A function that ops share, one of `SCALARS`. */ readonly computes: ScalarFunction });

/** What is said of the op besides its function. */
export interface PointwiseOp<N extends readonly string[], S extends AttrSpecs> {
  readonly name: string;
  readonly summary: string;
  readonly operands: N;
  readonly attrs?: S;
  readonly commutative?: boolean;
  /** Which operand dtypes it takes; all but bool when absent. */
  readonly accepts?: readonly DType[];
  /** Operands of another dtype than the rest, by place: a condition is bool. */
  readonly dtypes?: Readonly<Record<number, DType>>;
  /** The composition that a fused op stands for. */
  readonly decompose?: OpSpec<N, S>["decompose"];
  readonly cases?: readonly OpCase[];
}

/** A function of the op's own. */
export interface OwnFunction<N extends readonly string[], S extends AttrSpecs> {
  /** The result's dtype; the operands' own when absent. */
  readonly result?: (dtype: DType, attrs: AttrsOf<S>) => DType;
  /** The reference. A fused op has `decompose` instead. */
  readonly scalar?: (args: { readonly [K in keyof N]: number }, context: ScalarContext) => number;
  /** The element as a WGSL expression over expressions, which are names, literals or in parentheses. */
  wgsl(args: { readonly [K in keyof N]: string }, context: ScalarContext): string;
  /** WGSL functions that the expression calls. */
  readonly helpers?: readonly string[];
}

const NUMBERS: readonly DType[] = ["f32", "f16", "i32", "u32"];

/**
 * The numpy broadcast of all operand types.
 * @throws CompileError that names the first pair that does not fit.
 */
export function broadcastTypes(op: string, names: readonly string[], types: readonly TensorType[]): TensorType {
  if (types.length === 0) throw new CompileError(op, "has no operands", "a pointwise op works on at least one");
  let shape = at(types, 0).shape;
  types.forEach((t, i) => {
    const next = broadcastShapes(shape, t.shape);
    if (!next)
      throw new CompileError(
        op,
        `${names[i] ?? i} is ${printType(t)}, which does not broadcast with ${printShape(shape)}`,
        "axes are aligned from the last; each pair must be equal, or one of the two 1",
      );
    shape = next;
  });
  return tensorType(at(types, 0).dtype, shape);
}

const unary: readonly OpCase[] = [{ types: ["f32[3, 7]"] }, { types: ["f32[65]"] }];
const binary: readonly OpCase[] = [
  { types: ["f32[3, 7]", "f32[3, 7]"] },
  { types: ["f32[3, 7]", "f32[7]"] },
  { types: ["f32[2, 1, 5]", "f32[3, 1]"] },
];

/** result[i] = f(operands at i), after broadcasting. The reference calls `scalar`; kernels print `wgsl`. */
export function definePointwise<const N extends readonly string[], S extends AttrSpecs = Record<string, never>>(
  spec: PointwiseSpec<N, S>,
): Op {
  const accepts = spec.accepts ?? NUMBERS;
  const f = "computes" in spec ? spec.computes : ownFunction(spec, mainOperand(spec.dtypes));
  const inferType = (types: readonly TensorType[], attrs: Attrs): TensorType => {
    const { shape } = broadcastTypes(spec.name, spec.operands, types);
    const main = at(types, mainOperand(spec.dtypes));
    types.forEach((t, i) => {
      const wanted = spec.dtypes?.[i] ?? main.dtype;
      if (t.dtype !== wanted)
        throw new CompileError(
          spec.name,
          `${spec.operands[i]} is ${printType(t)}, but it must be ${wanted}`,
          "cast one of the operands",
        );
    });
    if (!accepts.includes(main.dtype))
      throw new CompileError(
        spec.name,
        `${spec.operands[mainOperand(spec.dtypes)]} is ${printType(main)}, but ${spec.name} takes ${accepts.join(", ")}`,
        "cast it first",
      );
    const dtypes = types.map((t) => t.dtype);
    return tensorType(scalarDType(f, dtypes, attrs), shape);
  };
  const element: Element = (place, math, { types, attrs }) =>
    math.scalar.call(
      f,
      types.map((t, i) => math.load(i, broadcastPlace(place, t.shape, math))),
      attrs,
    );
  return defineOp<N, S>({
    name: spec.name,
    summary: spec.summary,
    operands: spec.operands,
    ...(spec.attrs && { attrs: spec.attrs }),
    traits: { element, commutative: spec.commutative ?? false },
    cases: spec.cases ?? (spec.operands.length === 1 ? unary : spec.operands.length === 2 ? binary : []),
    infer: (types, attrs) => inferType(types as readonly TensorType[], attrs as Attrs),
    ...(spec.decompose
      ? { decompose: spec.decompose }
      : {
          reference: (args: { readonly [K in keyof N]: HostTensor }, attrs: AttrsOf<S>) => {
            const [tensors, given] = [args as readonly HostTensor[], attrs as Attrs];
            return elementTensors({ name: spec.name, traits: { element } }, tensors, given, [
              inferType(tensors, given),
            ]);
          },
        }),
  });
}

/** The op's own function, without the types that only its file knows. */
function ownFunction<N extends readonly string[], S extends AttrSpecs>(
  { scalar, wgsl, helpers, result }: OwnFunction<N, S>,
  main: number,
): ScalarFunction {
  return {
    ...(scalar && {
      scalar: (args: readonly number[], context: ScalarContext) =>
        scalar(args as { readonly [K in keyof N]: number }, context),
    }),
    wgsl: (args, context) => wgsl(args as { readonly [K in keyof N]: string }, context),
    ...(helpers && { helpers }),
    result: (dtypes, attrs) => {
      const dtype = at(dtypes, main);
      return result?.(dtype, attrs as AttrsOf<S>) ?? dtype;
    },
  };
}

/** The first operand whose dtype is not fixed: the one that gives the result its dtype. */
function mainOperand(fixed: Readonly<Record<number, DType>> = {}): number {
  let i = 0;
  while (i in fixed) i++;
  return i;
}
