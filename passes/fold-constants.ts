import { at, type Graph, graphSymbols, interpret, isLiteral, literal, type Node } from "../ir/index.ts";
import type { Pass } from "./pass.ts";
import { applyOwnRules, predicate, type Rule } from "./rule.ts";

/** What computes each element of one value, and has a number among its operands. */
const isSite = ({ op, operands, results: [result, ...others] }: Node): boolean =>
  op.traits.element !== undefined &&
  op.reference !== undefined &&
  result !== undefined &&
  others.length === 0 &&
  operands.some(isLiteral) &&
  // Of numbers alone, a tensor is no literal.
  (result.type.shape.length === 0 || !operands.every(isLiteral));

/** The node as a graph without inputs. */
const alone = (node: Node): Graph => ({ name: node.op.name, inputs: [], nodes: [node], results: node.results });

const literalsOnly: Rule = {
  name: "literals-only",
  summary: "an element computed of literals becomes a literal",
  sites: (node) => (isSite(node) ? node.results : []),
  predicates: [
    predicate("operands-are-literals", (m) => {
      const other = m.node.operands.find((v) => !isLiteral(v));
      return other === undefined || `${other.name} is no literal`;
    }),
    predicate("attributes-are-numbers", (m) => {
      const [symbol] = graphSymbols(alone(m.node));
      return symbol === undefined || `${m.site.name} depends on ${symbol.name}`;
    }),
  ],
  replace(m) {
    const [number] = interpret(alone(m.node), new Map());
    const folded = literal(at(number?.data ?? [], 0), m.site.type.dtype);
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
