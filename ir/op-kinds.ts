// Shorthands for the three families of ops whose reference follows from what the kernels are told: pointwise ops,
// ops that only move elements, and reductions.
import { type AttrSpecs, type Attrs, type AttrsOf, attr } from "./attr.ts";
import { at, CompileError, unreachable } from "./errors.ts";
import {
  defineOp,
  type ElementMath,
  type Op,
  type OpCase,
  type OpSpec,
  type Pointwise,
  type PointwiseContext,
  type Reads,
  type Reduction,
  type Writes,
} from "./op.ts";
import { castNumber, countElements, forEachIndex, type HostTensor, stridesOf } from "./tensor.ts";
import {
  broadcastShapes,
  type Dim,
  type DType,
  evalDim,
  printShape,
  printType,
  resolveAxis,
  type TensorType,
  tensorType,
} from "./type.ts";

export interface PointwiseSpec<N extends readonly string[], S extends AttrSpecs> {
  readonly name: string;
  readonly summary: string;
  readonly operands: N;
  readonly attrs?: S;
  readonly commutative?: boolean;
  /** The result's dtype; the operands' own when absent. */
  readonly result?: (dtype: DType, attrs: AttrsOf<S>) => DType;
  /** Which operand dtypes it takes; all but bool when absent. */
  readonly accepts?: readonly DType[];
  /** Operands of another dtype than the rest, by place: a condition is bool. */
  readonly dtypes?: Readonly<Record<number, DType>>;
  /** The reference. A fused op has `decompose` instead. */
  readonly scalar?: (args: { readonly [K in keyof N]: number }, context: PointwiseContext) => number;
  wgsl(args: { readonly [K in keyof N]: string }, context: PointwiseContext): string;
  readonly helpers?: readonly string[];
  readonly decompose?: OpSpec<N, S>["decompose"];
  readonly cases?: readonly OpCase[];
}

const NUMBERS: readonly DType[] = ["f32", "f16", "i32", "u32"];

/** The numpy broadcast of all operand types; throws naming the first pair that does not fit. */
export function broadcastTypes(op: string, names: readonly string[], types: readonly TensorType[]): TensorType {
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

/** result[i] = f(operands at i). The reference loops over `scalar`; kernels print `wgsl`. */
export function definePointwise<const N extends readonly string[], S extends AttrSpecs = Record<string, never>>(
  spec: PointwiseSpec<N, S>,
): Op {
  const accepts = spec.accepts ?? NUMBERS;
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
    return tensorType(spec.result?.(main.dtype, attrs as AttrsOf<S>) ?? main.dtype, shape);
  };
  const { decompose, scalar } = spec;
  const pointwise: Pointwise = {
    ...(scalar && {
      scalar: (args: readonly number[], context: PointwiseContext) =>
        scalar(args as { readonly [K in keyof N]: number }, context),
    }),
    wgsl: (args, context) => spec.wgsl(args as { readonly [K in keyof N]: string }, context),
    ...(spec.helpers && { helpers: spec.helpers }),
  };
  return defineOp<N, S>({
    name: spec.name,
    summary: spec.summary,
    operands: spec.operands,
    ...(spec.attrs && { attrs: spec.attrs }),
    traits: { pointwise, commutative: spec.commutative ?? false },
    cases: spec.cases ?? (spec.operands.length === 1 ? unary : spec.operands.length === 2 ? binary : []),
    infer: (types, attrs) => inferType(types as readonly TensorType[], attrs as Attrs),
    ...(decompose
      ? { decompose }
      : {
          reference: (args: { readonly [K in keyof N]: HostTensor }, attrs: AttrsOf<S>) =>
            mapElements(
              args as readonly HostTensor[],
              pointwise,
              attrs as Attrs,
              inferType(args as readonly HostTensor[], attrs as Attrs),
            ),
        }),
  });
}

/** The first operand whose dtype is not fixed: the one that gives the result its dtype. */
function mainOperand(fixed: Readonly<Record<number, DType>> = {}): number {
  let i = 0;
  while (i in fixed) i++;
  return i;
}

function mapElements(args: readonly HostTensor[], f: Pointwise, attrs: Attrs, type: TensorType): HostTensor {
  const { dtype } = type;
  const shape = type.shape.map(Number);
  const data = new Float64Array(countElements(shape));
  const context = { attrs, dtype: at(args, args.length - 1).dtype };
  const strides = args.map((t) => {
    const own = stridesOf(t.shape);
    return shape.map((_, axis) => {
      const k = axis - (shape.length - t.shape.length);
      return k < 0 || t.shape[k] === 1 ? 0 : at(own, k);
    });
  });
  const values = new Array<number>(args.length).fill(0);
  const { scalar } = f;
  if (!scalar) unreachable("a pointwise op has neither scalar nor decompose");
  forEachIndex(shape, (index, flat) => {
    args.forEach((t, i) => {
      let offset = 0;
      const s = at(strides, i);
      for (let axis = 0; axis < index.length; axis++) offset += at(index, axis) * at(s, axis);
      values[i] = at(t.data, offset);
    });
    const y = scalar(values, context);
    data[flat] = dtype === "f32" ? y : castNumber(y, dtype);
  });
  return { dtype, shape, data };
}

export interface ReadsSpec<N extends readonly string[], S extends AttrSpecs> {
  readonly name: string;
  readonly summary: string;
  readonly operands: N;
  readonly variadic?: boolean;
  readonly attrs?: S;
  infer: OpSpec<N, S>["infer"];
  element: Reads["element"];
  readonly targets?: Writes["targets"];
  readonly cases: readonly OpCase[];
}

/** result[i] = one element of the operands. The reference runs `element` over numbers; kernels run it over WGSL text. */
export function defineReads<const N extends readonly string[], S extends AttrSpecs = Record<string, never>>(
  spec: ReadsSpec<N, S>,
): Op {
  const op: Op = defineOp<N, S>({
    name: spec.name,
    summary: spec.summary,
    operands: spec.operands,
    variadic: spec.variadic ?? false,
    ...(spec.attrs && { attrs: spec.attrs }),
    traits: {
      reads: { element: (index, math, context) => spec.element(index, math, context) },
      ...(spec.targets && { writes: { operand: 0, targets: spec.targets } }),
    },
    cases: spec.cases,
    infer: (types, attrs) => spec.infer(types, attrs),
    reference: (args, attrs): readonly HostTensor[] =>
      gatherElements(op, args as readonly HostTensor[], attrs as Attrs),
  });
  return op;
}

function gatherElements(op: Op, args: readonly HostTensor[], attrs: Attrs): readonly HostTensor[] {
  const { reads } = op.traits;
  if (!reads) throw new CompileError(op.name, "moves elements, but does not say which");
  return op.infer(args, attrs).map((type, result) => {
    const shape = type.shape.map(Number);
    const data = new Float64Array(countElements(shape));
    const math = numberMath(args);
    forEachIndex(shape, (index, flat) => {
      data[flat] = reads.element(index, math, { types: args, attrs, result });
    });
    return { dtype: type.dtype, shape, data };
  });
}

/** Index arithmetic on numbers: what makes `element` the reference. */
export function numberMath(args: readonly HostTensor[]): ElementMath<number, number, boolean> {
  const strides = args.map((t) => stridesOf(t.shape));
  return {
    dim: (d: Dim) => evalDim(d, {}) ?? Number.NaN,
    add: (a, b) => a + b,
    sub: (a, b) => a - b,
    mul: (a, b) => a * b,
    div: (a, b) => Math.floor(a / b),
    mod: (a, b) => a % b,
    less: (a, b) => a < b,
    load(operand, index) {
      const t = at(args, operand);
      let offset = 0;
      index.forEach((i, axis) => {
        if (i < 0 || i >= at(t.shape, axis))
          throw new CompileError("interpret", `index ${i} of axis ${axis}, which has ${t.shape[axis]} elements`);
        offset += i * at(at(strides, operand), axis);
      });
      return at(t.data, offset);
    },
    toIndex: (e) => e,
    toElement: (i) => i,
    select: (condition, whenTrue, whenFalse) => (condition ? whenTrue() : whenFalse()),
  };
}

/** Folds one axis, which stays with length 1 when `keepdims` (the default) is true. */
export function defineReduction(spec: {
  readonly name: string;
  readonly summary: string;
  readonly fold: Reduction;
}): Op {
  const { identity, combine, finish } = spec.fold;
  return defineOp({
    name: spec.name,
    summary: spec.summary,
    operands: ["x"],
    attrs: { axis: attr.int(-1), keepdims: attr.bool(true) },
    traits: { reduces: spec.fold },
    cases: [
      { types: ["f32[3, 7]"] },
      { types: ["f32[2, 65]"], attrs: { keepdims: false } },
      { types: ["f32[2, 5, 3]"], attrs: { axis: 1 } },
    ],
    infer: ([x], attrs) => reducedType(spec.name, x, attrs),
    reference([x], attrs) {
      const { outer, length, inner } = reductionExtent(spec.name, x, attrs.axis);
      const data = new Float64Array(outer * inner);
      for (let o = 0; o < outer; o++)
        for (let i = 0; i < inner; i++) {
          let folded = identity;
          for (let k = 0; k < length; k++) folded = combine(folded, at(x.data, (o * length + k) * inner + i));
          const y = finish ? finish(folded, length) : folded;
          data[o * inner + i] = x.dtype === "f32" ? y : castNumber(y, x.dtype);
        }
      return { dtype: x.dtype, shape: reducedType(spec.name, x, attrs).shape.map(Number), data };
    },
  });
}

export function reducedType(
  op: string,
  x: TensorType,
  attrs: { readonly axis: number; readonly keepdims: boolean },
): TensorType {
  const axis = resolveAxis(attrs.axis, x.shape.length);
  if (axis === undefined)
    throw new CompileError(op, `axis is ${attrs.axis}, but x is ${printType(x)}`, "axis must name one of x's axes");
  const shape = x.shape.flatMap((d, i): Dim[] => (i !== axis ? [d] : attrs.keepdims ? [1] : []));
  return tensorType(x.dtype, shape);
}

/** The tensor seen as [outer, length, inner], where `length` is the reduced axis. */
export function reductionExtent(
  op: string,
  x: { readonly shape: readonly number[] },
  axis: number,
): { outer: number; length: number; inner: number } {
  const k = resolveAxis(axis, x.shape.length);
  if (k === undefined) throw new CompileError(op, `axis is ${axis}, but x has ${x.shape.length} axes`);
  return {
    outer: countElements(x.shape.slice(0, k)),
    length: at(x.shape, k),
    inner: countElements(x.shape.slice(k + 1)),
  };
}
