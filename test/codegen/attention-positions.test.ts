// Attention in primitive ops whose positions are data, fused and not: one dispatch of what the interpreter says, wherever the rows stand.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { at } from "../../ir/errors.ts";
import { interpret } from "../../ir/interpret.ts";
import { parseGraph } from "../../ir/parse.ts";
import { hostTensor } from "../../ir/tensor.ts";
import { overCache, overPages } from "../passes/positions-text.ts";
import { onGpu } from "../support/gpu.ts";
import { GpuGraph, runOnGpu } from "../support/run-plan.ts";
import { assertClose, seededTensor } from "../support/tensors.ts";

const test = suite("attention: positions");
const gpuTest = onGpu(test);

const SIZES = { T: 3, P: 0 };

/** Rows at these positions, of sequences whose pages lie in any order. */
function trial(text: string, positions: readonly number[]) {
  const graph = parseGraph(text);
  const given: Readonly<Record<string, readonly number[]>> = {
    positions,
    sequence: [2, 0, 1],
    pages: [2, 0, 1, 2, 0, 1],
  };
  const inputs = new Map(
    graph.inputs.map(({ value: { name, type } }, i) => {
      const own = given[name];
      const seeded = seededTensor(type, SIZES, i + 1);
      return [name, own ? hostTensor(type.dtype, seeded.shape, own) : seeded];
    }),
  );
  return { graph, inputs, wanted: at(interpret(graph, inputs, SIZES), 0) };
}

for (const [name, text] of [
  ["a cache", overCache()],
  ["pages", overPages()],
] as const)
  gpuTest(`over ${name}: at the first key, at the last, and where there is no key any more`, async () => {
    for (const positions of [
      [0, 1, 2],
      [3, 8, 0],
      [9, 200, 2147483647],
    ]) {
      const { graph, inputs, wanted } = trial(text, positions);
      for (const disable of [[], ["fuse-attention"]]) {
        const [y] = await runOnGpu(graph, inputs, SIZES, { disable, checkBounds: true });
        const label = `${positions.join(", ")}, without ${disable.join() || "nothing"}`;
        // f32 against f64: nine products of four columns.
        assertClose(y ?? wanted, wanted, { rtol: 1e-5, atol: 1e-6 }, label);
      }
    }
  });

gpuTest("what the graph has no tensor of takes no dispatch", async (gpu) => {
  const { graph } = trial(overCache(), [0, 1, 2]);
  const compiled = await GpuGraph.create(gpu, graph, SIZES);
  assert.is(at(compiled.plan.entries, 0).steps.length, 1);
  compiled.destroy();
});

test.run();
