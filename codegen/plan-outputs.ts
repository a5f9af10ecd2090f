// What a caller reads of an entry point: the results that its graph was written with, under the names that they have there.
// Passes may have found that two of them are one value, or that one is an input.
import { type PlanTensor, planDim } from "../base/plan.ts";
import { at, type Graph, indexGraph, updatedOperands, type Value } from "../ir/index.ts";

/** A value as a plan has it, under a name. */
export const planTensor = (name: string, value: Value, places: ReadonlyMap<Value, string>): PlanTensor => ({
  name,
  buffer: places.get(value) ?? value.name,
  dtype: value.type.dtype,
  shape: value.type.shape.map(planDim),
});

/** The results of `graph`, which lie where those of `fused` do. States stay on the GPU, and what stands twice is given once. */
export function planOutputs(graph: Graph, fused: Graph, places: ReadonlyMap<Value, string>): readonly PlanTensor[] {
  const isState = stateValues(graph);
  const outputs = new Map<string, PlanTensor>();
  for (const [i, result] of graph.results.entries())
    if (!isState(result)) outputs.set(result.name, planTensor(result.name, at(fused.results, i), places));
  return [...outputs.values()];
}

/** Whether a value is a state, or one as an op has updated it. */
function stateValues(graph: Graph): (v: Value) => boolean {
  const index = indexGraph(graph);
  const states = new Set(graph.inputs.filter((i) => i.kind === "state").map((i) => i.value));
  const isState = (v: Value): boolean => {
    const maker = index.producer(v);
    if (!maker) return states.has(v);
    const old = maker.body ? undefined : updatedOperands(maker)[0];
    return old !== undefined && maker.results[0] === v && isState(old);
  };
  return isState;
}
