import { at, castNumber, isLiteral, literal } from "../ir/index.ts";
import type { Pass } from "./pass.ts";
import { applyOwnRules, predicate, type Rule } from "./rule.ts";

const literalsOnly: Rule = {
  name: "literals-only",
  summary: "a pointwise op on literals becomes a literal",
  sites: (node) =>
    node.op.traits.pointwise?.scalar && node.operands.length > 0 && node.operands.some(isLiteral) ? node.results : [],
  predicates: [
    predicate("operands-are-literals", (m) => {
      const other = m.node.operands.find((v) => !isLiteral(v));
      return other === undefined || `${other.name} is no literal`;
    }),
  ],
  replace(m) {
    const { op, operands, attrs } = m.node;
    const { dtype } = at(operands, -1).type;
    const result = m.site.type.dtype;
    const value =
      op.traits.pointwise?.scalar?.(
        operands.map((v) => v.literal ?? Number.NaN),
        { attrs, dtype },
      ) ?? Number.NaN;
    // As the interpreter has it: f32 in full precision, all else as its dtype holds it.
    const folded = literal(result === "f32" ? value : castNumber(value, result), result);
    return { remove: [m.node], insert: [], values: new Map([[m.site, folded]]) };
  },
};

/** Computes what depends on literals alone. */
export const foldConstants: Pass = {
  name: "fold-constants",
  summary: "compute at compile time what depends on literals alone",
  role: "simplify",
  run: (graph, report) => applyOwnRules(graph, [literalsOnly], report),
};
