import {
  at,
  castRecipe,
  type Input,
  indexGraph,
  isLiteral,
  makeNode,
  type Node,
  type Value,
  wholeTensor,
} from "../ir/index.ts";
import { cast } from "../ir/ops/index.ts";
import type { Pass } from "./pass.ts";

/**
 * Keeps matrices and tables as f16 and casts them where they are read; vectors stay f32, since they are small and added to
 * f32 sums. Each reader has a cast of its own, which its kernel takes in: a widened weight never lies in memory.
 */
export const storeWeightsAsF16: Pass = {
  name: "store-weights-as-f16",
  summary: "weights of two or more axes are f16 in memory, and cast where they are read",
  role: "required",
  run(graph, report) {
    const halves = new Map<Value, Value>();
    const index = indexGraph(graph);
    const inputs = graph.inputs.map((input): Input => {
      const { kind, value, recipe = wholeTensor(value) } = input;
      if (kind !== "weight" || value.type.dtype !== "f32" || value.type.shape.length < 2) return input;
      // What a caller reads is f32.
      if (index.isResult(value)) return input;
      const half: Value = { ...value, type: { ...value.type, dtype: "f16" } };
      halves.set(value, half);
      report?.({ rule: "matrix-or-table", site: value.name }, graph);
      return { ...input, value: half, ...(recipe && { recipe: castRecipe(recipe, "f16") }) };
    });
    if (halves.size === 0) return graph;
    const taken = new Set([
      ...graph.inputs.map((i) => i.value.name),
      ...graph.nodes.flatMap((n) => n.results.map((r) => r.name)),
    ]);
    return { ...graph, inputs, nodes: graph.nodes.flatMap((node) => withCasts(node, halves, taken)) };
  },
};

function withCasts(node: Node, halves: ReadonlyMap<Value, Value>, taken: Set<string>): readonly Node[] {
  const casts = new Map<Value, Node>();
  for (const v of node.operands) {
    const half = isLiteral(v) ? undefined : halves.get(v);
    if (half) casts.set(v, makeNode(cast, [half], { to: "f32" }, [freeName(`${v.name}.f32`, taken)]));
  }
  if (casts.size === 0) return [node];
  const operands = node.operands.map((v) => {
    const widened = casts.get(v);
    return widened ? at(widened.results, 0) : v;
  });
  return [...casts.values(), { ...node, operands }];
}

function freeName(wanted: string, taken: Set<string>): string {
  let name = wanted;
  for (let i = 1; taken.has(name); i++) name = `${wanted}.${i}`;
  taken.add(name);
  return name;
}
