import {
  at,
  type Graph,
  type GraphIndex,
  type Input,
  indexGraph,
  isLiteral,
  makeNode,
  type Node,
  updatedOperands,
  type Value,
} from "../ir/index.ts";
import { cast } from "../ir/ops/index.ts";
import { freeNames } from "./free-names.ts";
import type { Pass } from "./pass.ts";

/**
 * Keeps caches as f16: rows are rounded as they are written, and widened where they are read, each reader by a cast of its own that
 * its kernel takes in. A cache is a state of f32 with two or more axes, the last of even length, of which a step writes some elements;
 * what else a step carries on stays as it is.
 */
export const storeCachesAsF16: Pass = {
  name: "store-caches-as-f16",
  summary: "caches are f16 in memory: rounded as rows are written, and cast where they are read",
  role: "required",
  run(graph, report) {
    const index = indexGraph(graph);
    const caches = graph.inputs.filter((input) => isCache(index, input)).map((i) => i.value);
    if (caches.length === 0) return graph;
    for (const cache of caches) report?.({ rule: "cache", site: cache.name }, graph);
    return halved(graph, caches);
  },
};

function isCache(index: GraphIndex, { kind, value }: Input): boolean {
  const { dtype, shape } = value.type;
  const width = shape.at(-1);
  if (kind !== "state" || dtype !== "f32" || shape.length < 2 || typeof width !== "number" || width % 2 !== 0)
    return false;
  const updates = index.users(value).filter((node) => updatedOperands(node).includes(value));
  return updates.length > 0 && updates.every((node) => writtenOperand(node) !== undefined);
}

/** The operand whose elements a node puts into what it updates; undefined where it makes them of something. */
function writtenOperand({ body, op: { traits } }: Node): number | undefined {
  const { operand } = traits.writes ?? {};
  return body === undefined && typeof operand === "number" ? operand : undefined;
}

/** The graph with those caches, and all that they become, as f16. */
function halved(graph: Graph, caches: readonly Value[]): Graph {
  const halves = new Map<Value, Value>();
  const freeName = freeNames(graph);
  const halve = (v: Value): Value => {
    const half: Value = { ...v, type: { ...v.type, dtype: "f16" } };
    halves.set(v, half);
    return half;
  };
  for (const cache of caches) halve(cache);
  const inputs = graph.inputs.map((input) => ({ ...input, value: halves.get(input.value) ?? input.value }));
  const nodes = graph.nodes.flatMap((node): readonly Node[] => {
    const casts: Node[] = [];
    const cast1 = (v: Value, to: "f16" | "f32"): Value => {
      const made = makeNode(cast, [v], { to }, [freeName(`${v.name}.${to}`)]);
      casts.push(made);
      return at(made.results, 0);
    };
    const updates = updatedOperands(node).some((v) => halves.has(v));
    const written = updates ? writtenOperand(node) : undefined;
    const operands = node.operands.map((v, i) => {
      if (isLiteral(v)) return v;
      const half = halves.get(v);
      if (updates && (i === 0 || i === written)) return half ?? cast1(v, "f16");
      return half ? cast1(half, "f32") : v;
    });
    return [...casts, { ...node, operands, results: updates ? node.results.map(halve) : node.results }];
  });
  return { ...graph, inputs, nodes, results: graph.results.map((r) => halves.get(r) ?? r) };
}
