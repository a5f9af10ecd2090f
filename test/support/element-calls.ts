// The scalar functions that an op's elements are computed by, as its `element` calls them.
import type { Attrs } from "../../ir/attr.ts";
import { type ElementMath, type ScalarFunction, scalarDType } from "../../ir/element.ts";
import { factsOf, isPointwise } from "../../ir/element-facts.ts";
import { at } from "../../ir/errors.ts";
import type { Node } from "../../ir/graph.ts";
import type { Op } from "../../ir/op.ts";
import { scalarMath } from "../../ir/scalars.ts";
import type { DType } from "../../ir/type.ts";
import { graphOfOp } from "./run-op.ts";

/** A call, and the dtypes of its arguments. */
export interface ElementCall {
  readonly f: ScalarFunction;
  readonly dtypes: readonly DType[];
  readonly attrs: Attrs;
}

/** The calls of one element of each result, in order. */
export function callsOf({ op, operands, attrs, results }: Node): readonly ElementCall[] {
  const calls: ElementCall[] = [];
  const math: ElementMath<0, DType, 0> = {
    dim: () => 0,
    add: () => 0,
    sub: () => 0,
    mul: () => 0,
    div: () => 0,
    mod: () => 0,
    less: () => 0,
    load: (operand) => at(operands, operand).type.dtype,
    toIndex: () => 0,
    toElement: (_, dtype) => dtype,
    select(_, whenTrue, whenFalse) {
      whenTrue();
      return whenFalse();
    },
    scalar: scalarMath<DType, 0>({
      constant: (_, dtype) => dtype,
      holds: () => 0,
      call(f, dtypes, given = {}) {
        calls.push({ f, dtypes, attrs: given });
        return scalarDType(f, dtypes, given);
      },
    }),
  };
  results.forEach(({ type }, result) => {
    const place = type.shape.map(() => 0 as const);
    op.traits.element?.(place, math, { types: operands.map((v) => v.type), attrs, result });
  });
  return calls;
}

/** The node of each case of an op. */
export const caseNodes = (op: Op): readonly Node[] =>
  op.cases.map(({ types, attrs }) => at(graphOfOp(op, types, attrs).nodes, 0));

/** Whether the op computes each element of the operands' elements in its place, in each of its cases. */
export const computesInPlace = (op: Op): boolean =>
  op.traits.element !== undefined &&
  caseNodes(op).every((node) => isPointwise(node) && factsOf(node)?.computes === true);
