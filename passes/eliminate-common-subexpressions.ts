import {
  at,
  type GraphIndex,
  indexGraph,
  isLiteral,
  type Node,
  type Op,
  printAttr,
  unreachable,
  updatedOperands,
  type Value,
} from "../ir/index.ts";
import type { Pass } from "./pass.ts";
import { type Replacement, rebuild } from "./rebuild.ts";

/** Two caches that start out equal are two caches still. */
const isOverwritten = (index: GraphIndex, v: Value): boolean =>
  index.users(v).some((user) => updatedOperands(user).includes(v));

/** Computes once what is computed twice. */
export const eliminateCommonSubexpressions: Pass = {
  name: "eliminate-common-subexpressions",
  summary: "compute equal nodes once: the causal mask, which every layer builds anew",
  role: "simplify",
  run(graph, report) {
    const index = indexGraph(graph);
    const first = new Map<string, Node>();
    const ids = new Map<Value | Op, number>();
    const same = new Map<Value, Value>();
    const replacements: Replacement[] = [];
    const number = (known: Value | Op): string => {
      if (!ids.has(known)) ids.set(known, ids.size);
      return `%${ids.get(known)}`;
    };
    const id = (v: Value): string => (isLiteral(v) ? v.name : number(same.get(v) ?? v));
    for (const node of graph.nodes) {
      // What writes in place is never shared: two updates of one cache are two events.
      if (node.body || node.op.traits.updatesFirstOperand) continue;
      if (node.results.some((r) => isOverwritten(index, r))) continue;
      const operands = node.operands.map(id);
      if (node.op.traits.commutative) operands.sort();
      const attrs = Object.entries(node.attrs)
        .map(([k, v]) => `${k}=${printAttr(v)}`)
        .sort();
      // By identity: a user's own ops may share a name.
      const key = [number(node.op), ...operands, ...attrs].join(" ");
      const twin = first.get(key);
      if (!twin) {
        first.set(key, node);
        continue;
      }
      node.results.forEach((r, i) => {
        same.set(r, at(twin.results, i));
      });
      replacements.push({
        remove: [node],
        insert: [],
        values: new Map(node.results.map((r, i) => [r, at(twin.results, i)])),
      });
      report?.({ rule: "equal-nodes", site: at(node.results, 0).name }, graph);
    }
    if (replacements.length === 0) return graph;
    const fewer = rebuild(graph, replacements);
    return typeof fewer === "string" ? unreachable(`sharing equal nodes fails: ${fewer}`) : fewer;
  },
};
