// Ops that fold one axis.
import { attr } from "./attr.ts";
import { at, CompileError } from "./errors.ts";
import { defineOp, type Op, type Reduction } from "./op.ts";
import { castNumber, countElements } from "./tensor.ts";
import { type Dim, type DType, isFloat, printType, resolveAxis, type TensorType, tensorType } from "./type.ts";

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
      const start = identityOf(identity, x.dtype);
      for (let o = 0; o < outer; o++)
        for (let i = 0; i < inner; i++) {
          let folded = start;
          for (let k = 0; k < length; k++) folded = combine(folded, at(x.data, (o * length + k) * inner + i));
          const y = finish ? finish(folded, length) : folded;
          data[o * inner + i] = x.dtype === "f32" ? y : castNumber(y, x.dtype);
        }
      return { dtype: x.dtype, shape: reducedType(spec.name, x, attrs).shape.map(Number), data };
    },
  });
}

/** Integers have no infinities; their lowest and highest numbers are as good to start a maximum or minimum from. */
export function identityOf(x: number, dtype: DType): number {
  if (isFloat(dtype) || dtype === "bool" || Number.isNaN(x) || Number.isFinite(x)) return castNumber(x, dtype);
  const [lowest, highest] = dtype === "u32" ? [0, 2 ** 32 - 1] : [-(2 ** 31), 2 ** 31 - 1];
  return x < 0 ? lowest : highest;
}

/**
 * The type of `x` with one axis folded.
 * @throws CompileError when there is no such axis.
 */
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
