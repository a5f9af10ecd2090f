// Ops that only move elements: the reference runs the same index arithmetic that kernels print.
import type { AttrSpecs, Attrs } from "./attr.ts";
import { at, CompileError } from "./errors.ts";
import {
  defineOp,
  type ElementMath,
  type Op,
  type OpCase,
  type OpSpec,
  type Reads,
  type Traits,
  type Writes,
} from "./op.ts";
import { castNumber, countElements, forEachIndex, type HostTensor, stridesOf } from "./tensor.ts";
import { type Dim, evalDim } from "./type.ts";

/** An op that moves elements, as its file writes it. */
export interface ReadsSpec<N extends readonly string[], S extends AttrSpecs> {
  readonly name: string;
  readonly summary: string;
  readonly operands: N;
  readonly variadic?: boolean;
  readonly attrs?: S;
  /** The result types. */
  infer: OpSpec<N, S>["infer"];
  /** The element of a result at an index, which is one of the operands'. */
  element: Reads["element"];
  /** Where each element of the first operand goes, for an op that can be run from that side. */
  readonly targets?: Writes["targets"];
  /** Ranges of operands' axes that it reads, where the attributes say which. */
  readonly ranges?: Traits["ranges"];
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
      ...(spec.ranges && { ranges: spec.ranges }),
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
    mod: (a, b) => a - b * Math.floor(a / b),
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
    toElement: (i, dtype) => castNumber(i, dtype),
    select: (condition, whenTrue, whenFalse) => (condition ? whenTrue() : whenFalse()),
  };
}
