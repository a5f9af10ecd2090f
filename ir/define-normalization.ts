// Ops that normalise rows: subtract a centre, divide by the root of a moment of squares, scale and shift.
import { attr } from "./attr.ts";
import { at, CompileError } from "./errors.ts";
import { defineOp, type Normalization, type Op, type OpCase } from "./op.ts";
import { add } from "./ops/add.ts";
import { mul } from "./ops/mul.ts";
import { reduceMean } from "./ops/reduce-mean.ts";
import { reduceSum } from "./ops/reduce-sum.ts";
import { rsqrt } from "./ops/rsqrt.ts";
import { sub } from "./ops/sub.ts";
import { dimEquals, printType, type TensorType } from "./type.ts";
import type { Value } from "./value.ts";

/** What tells one such op from another. */
export interface NormalizationSpec extends Pick<Normalization, "centre" | "moment"> {
  readonly name: string;
  readonly summary: string;
  /** The operands, `x` the first of them; the others are vectors as long as its last axis. */
  readonly operands: readonly [x: string, ...vectors: string[]];
  /** The operand that each column is multiplied by; none when absent. */
  readonly scale?: string;
  /** The operand that is added to each column; none when absent. */
  readonly shift?: string;
  /** What ε is where the attribute `eps` is not given. */
  readonly eps: number;
  /** Whether kernels are built around it, as for layer norm (the default), or other kernels only take it in. */
  readonly anchor?: boolean;
}

const WIDTHS = [
  [3, 7],
  [1, 64],
  [5, 130],
] as const;

/**
 * y = (x − centre) / √(moment of (x − centre)² + eps) · scale + shift over the last axis, the moment in two passes. The trait
 * `normalizes` says the same, so that every kernel that normalises rows, or takes a norm in, computes it.
 */
export function defineNormalization(spec: NormalizationSpec): Op {
  const { name, summary, operands, centre, moment, eps, anchor = true } = spec;
  const place = (operand: string | undefined): number | undefined =>
    operand === undefined ? undefined : operands.indexOf(operand);
  const [scale, shift] = [place(spec.scale), place(spec.shift)];
  const missing = [spec.scale, spec.shift].find((o) => place(o) === -1);
  if (missing !== undefined)
    throw new CompileError(`op ${name}`, `${missing} is not one of its operands ${operands.join(", ")}`);
  const vectors = operands.slice(1);
  return defineOp({
    name,
    summary,
    operands,
    attrs: { eps: attr.float(eps) },
    traits: {
      ...(anchor && { anchor }),
      normalizes: {
        centre,
        moment,
        eps: "eps",
        ...(scale !== undefined && { scale }),
        ...(shift !== undefined && { shift }),
      },
    },
    cases: WIDTHS.map(
      ([rows, width]): OpCase => ({ types: [`f32[${rows}, ${width}]`, ...vectors.map(() => `f32[${width}]`)] }),
    ),
    infer(types) {
      const [x, ...others] = types as readonly [TensorType, ...TensorType[]];
      const width = x.shape.at(-1);
      others.forEach((t, i) => {
        if (width === undefined || t.shape.length !== 1 || !dimEquals(at(t.shape, 0), width) || t.dtype !== x.dtype)
          throw new CompileError(
            name,
            `${vectors[i]} is ${printType(t)}, but x is ${printType(x)}`,
            `${vectors[i]} needs one axis, as long as x's last`,
          );
      });
      return x;
    },
    decompose(emit, values, attrs) {
      const one = (...args: Parameters<typeof emit>): Value => at(emit(...args), 0);
      const given = values as readonly Value[];
      const x = at(given, 0);
      const d = centre === "mean" ? one(sub, [x, one(reduceMean, [x])]) : x;
      const power = one(moment === "mean" ? reduceMean : reduceSum, [one(mul, [d, d])]);
      const n = one(mul, [d, one(rsqrt, [one(add, [power, attrs.eps])])]);
      const scaled = scale === undefined ? n : one(mul, [n, at(given, scale)]);
      return shift === undefined ? scaled : one(add, [scaled, at(given, shift)]);
    },
  });
}
