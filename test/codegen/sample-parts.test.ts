// A draw that many workgroups share gives the tokens of the op's reference and of the kernel that is one workgroup, however many parts
// there are: over rows at which a draw could go wrong.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { chooseKernel, rankKernels } from "../../codegen/rank-kernels.ts";
import { targetByName } from "../../codegen/target.ts";
import { at } from "../../ir/errors.ts";
import type { Graph } from "../../ir/graph.ts";
import { interpret } from "../../ir/interpret.ts";
import { sampleToken, sampleTokens } from "../../ir/ops/index.ts";
import type { HostTensor } from "../../ir/tensor.ts";
import { gpuDevice, onGpu } from "../support/gpu.ts";
import { hostileRows, rowsOperands, rowsTypes } from "../support/hostile-rows.ts";
import { graphOfOp } from "../support/run-op.ts";
import { GpuGraph, type GpuOptions } from "../support/run-plan.ts";
import { drawByReference, operandsOf, operandTypes, type Settings } from "../support/sample-token.ts";
import { splitGraph } from "../support/split-graph.ts";

const test = suite("sampling in parts");
const gpuTest = onGpu(test);
const DEFAULT = targetByName("webgpu-default");

const named = (operands: readonly HostTensor[]) => new Map(operands.map((t, i) => [`x${i}`, t]));

async function tokensOf(
  graph: Graph,
  operands: readonly HostTensor[],
  options: GpuOptions,
): Promise<readonly number[]> {
  const made = await GpuGraph.create(await gpuDevice(), graph, {}, { ...options, disable: ["choose-steps"] });
  try {
    return [...at(await made.run(named(operands)), 0).data];
  } finally {
    made.destroy();
  }
}

const PARTS = [1, 2, 7, 64];

test("the split form means what the op means", () => {
  for (const width of [1, 7, 100]) {
    const rows = hostileRows(width);
    const [types, operands] = [rowsTypes(rows.length, width), rowsOperands(rows)];
    const wanted = at(interpret(graphOfOp(sampleTokens, types), named(operands)), 0).data;
    for (const parts of PARTS) {
      const tokens = at(interpret(splitGraph(sampleTokens, types, parts), named(operands)), 0).data;
      for (const [i, { name }] of rows.entries())
        assert.is(tokens[i], wanted[i], `${parts} parts of ${width}, ${name}`);
    }
  }
});

// 64 parts are more than there are ids; what is beyond 2,048 ids may be too much to be held.
for (const [width, numbers, targets] of [
  [1, [64], [DEFAULT]],
  [7, [2, 64], [DEFAULT]],
  [100, PARTS, [DEFAULT]],
  [100, [7], [targetByName("lavapipe")]],
  [1025, [7, 64], [DEFAULT]],
  [5003, [7, 64], [DEFAULT]],
] as const)
  for (const target of targets)
    gpuTest(`draws the reference's tokens of ${width} logits, in any number of parts, for ${target.name}`, async () => {
      const rows = hostileRows(width);
      const [types, operands] = [rowsTypes(rows.length, width), rowsOperands(rows)];
      const whole = graphOfOp(sampleTokens, types);
      const wanted = at(interpret(whole, named(operands)), 0).data;
      for (const parts of [undefined, ...numbers]) {
        const graph = parts === undefined ? whole : splitGraph(sampleTokens, types, parts);
        const tokens = await tokensOf(graph, operands, { target });
        for (const [i, { name }] of rows.entries())
          assert.is(tokens[i], wanted[i], `${parts ?? "no"} parts of ${width}, ${name}`);
      }
    });

const ROW: readonly Settings[] = [
  { temperature: 0 },
  { temperature: 1 },
  { temperature: 0.8, topK: 40, topP: 0.95 },
  { temperature: 1.5, topP: 0.9 },
  { temperature: 1.3, minP: 0.05 },
];

gpuTest("draws from one row, at a step that is an attribute, and penalises what came before it", async (gpu) => {
  const width = 1500;
  const logits = Array.from({ length: width }, (_, i) => Math.round(64 * Math.sin(12.9898 * i * i)) / 8);
  for (const step of [0, 3]) {
    const graph = splitGraph(sampleToken, operandTypes(width), 7, { step });
    const made = await GpuGraph.create(gpu, graph, {}, { target: DEFAULT });
    try {
      for (const own of ROW)
        for (let seed = 0; seed < 8; seed++) {
          const settings = { ...own, repetitionPenalty: 1.2, sequence: [1497, 3, 1497, 0], suppressed: [seed, 700] };
          const operands = operandsOf(logits, settings, seed);
          const [token] = await made.run(named(operands));
          assert.is(token?.data[0], drawByReference(logits, settings, seed, step), `${JSON.stringify(own)} ${seed}`);
        }
    } finally {
      made.destroy();
    }
  }
});

gpuTest("draws the same tokens run after run, by any number of invocations", async () => {
  const width = 2000;
  const rows = hostileRows(width).filter(({ name }) => /language model/.test(name));
  const [types, operands] = [rowsTypes(rows.length, width), rowsOperands(rows)];
  const graph = splitGraph(sampleTokens, types, 5);
  const drawn = new Set<string>();
  for (const lanes of [32, 128, 128]) {
    const kernelFor: GpuOptions["kernelFor"] = (node, target) =>
      rankKernels(node, target, {}).find(({ config }) => config["lanes"] === lanes) ?? chooseKernel(node, target, {});
    drawn.add(String(await tokensOf(graph, operands, { target: DEFAULT, kernelFor })));
  }
  assert.is(drawn.size, 1);
});

test("is not cut into parts that there are no kernels for", () => {
  const types = rowsTypes(1, 9);
  for (const parts of [0, 257, 1.5]) assert.throws(() => splitGraph(sampleTokens, types, parts), /is not cut/);
  assert.throws(() => splitGraph(sampleToken, operandTypes(2 ** 20 + 1), 8), /is not cut/);
});

test.run();
