// What a graph's nodes need of its symbols beyond their least values: that places along an axis lie on it.
import {
  addDims,
  bindDim,
  type Dim,
  isDim,
  isNeverNegative,
  mulDims,
  printDim,
  type SymbolValues,
  subDims,
} from "../base/dim.ts";
import { type PlanConstraint, planDim } from "../base/plan.ts";
import { shortValue } from "../base/short-json.ts";
import { isWhole } from "./attr.ts";
import { at, CompileError } from "./errors.ts";
import { type Graph, type Node, withoutDeadNodes } from "./graph.ts";
import { callMember } from "./member.ts";
import type { AxisRange } from "./op.ts";
import { isLiteral } from "./value.ts";

/**
 * What must hold of the symbols that `fixed` leaves free, for every node that a result needs; not what holds whatever they
 * are. Of several bounds on one sum of symbols, the least.
 */
export function graphConstraints(graph: Graph, fixed: SymbolValues = {}): readonly PlanConstraint[] {
  const found = new Map<string, PlanConstraint>();
  for (const { of, least } of needs(withoutDeadNodes(graph))) {
    const rest = bindDim(least, fixed);
    // A number was judged where the types were inferred.
    if (typeof rest === "number" || isNeverNegative(rest)) continue;
    const value = mulDims(subDims(rest, rest.constant), -1);
    const known = found.get(printDim(value));
    if (!known || rest.constant < known.most)
      found.set(printDim(value), { value: planDim(value), most: rest.constant, of });
  }
  return [...found.values()];
}

/** Dims that must be 0 or more, and whose length sets them. */
function needs(graph: Graph): readonly { readonly of: string; readonly least: Dim }[] {
  return graph.nodes.flatMap((node) => {
    if (node.body) {
      // A body's inputs stand for the operands, and go by their names.
      const names = new Map(node.body.inputs.map(({ value }, i) => [value.name, at(node.operands, i).name]));
      return needs(node.body).map(({ of, least }) => ({ of: names.get(of) ?? of, least }));
    }
    return rangesOf(node).flatMap(({ operand, axis, start, length }) => {
      const v = at(node.operands, operand);
      if (isLiteral(v)) return [];
      const size = at(v.type.shape, axis);
      return [
        { of: v.name, least: subDims(size, addDims(start, length)) },
        { of: v.name, least: start },
      ];
    });
  });
}

/** What the op's `ranges` gives for the node, which may be a user's. */
function rangesOf({ op, operands, attrs, results }: Node): readonly AxisRange[] {
  const place = `${op.name} ${at(results, 0).name}`;
  const types = operands.map((v) => v.type);
  const ranges: unknown = callMember(place, "ranges", () => op.traits.ranges?.(types, attrs)) ?? [];
  const isRange = (range: Partial<AxisRange> | undefined | null): boolean =>
    [range?.start, range?.length].every((d) => isDim(d) && isWhole(d)) &&
    types[range?.operand ?? -1]?.shape[range?.axis ?? -1] !== undefined;
  if (Array.isArray(ranges) && ranges.every(isRange)) return ranges;
  throw new CompileError(
    place,
    `its ranges gives ${shortValue(ranges)}`,
    "a list of { operand, axis, start, length }, each of an axis that the operand has",
  );
}
