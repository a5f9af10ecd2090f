// Pointwise ops: the reference follows from what one element is.
import type { AttrSpecs, Attrs, AttrsOf } from "./attr.ts";
import { at, CompileError } from "./errors.ts";
import { defineOp, type Op, type OpCase, type OpSpec, type Pointwise, type PointwiseContext } from "./op.ts";
import { castNumber, countElements, forEachIndex, type HostTensor, stridesOf } from "./tensor.ts";
import { broadcastShapes, type DType, printShape, printType, type TensorType, tensorType } from "./type.ts";

/** A pointwise op as its file writes it. `N` are the operands' names, `S` the attributes' specs. */
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
  /** The element as a WGSL expression over expressions, which are names, literals or in parentheses. */
  wgsl(args: { readonly [K in keyof N]: string }, context: PointwiseContext): string;
  readonly helpers?: readonly string[];
  /** The composition that a fused op stands for. */
  readonly decompose?: OpSpec<N, S>["decompose"];
  readonly cases?: readonly OpCase[];
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
              spec.name,
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

function mapElements(
  name: string,
  args: readonly HostTensor[],
  f: Pointwise,
  attrs: Attrs,
  type: TensorType,
): HostTensor {
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
  if (!scalar) throw new CompileError(name, "has neither scalar nor decompose", "one of them gives an op its meaning");
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
