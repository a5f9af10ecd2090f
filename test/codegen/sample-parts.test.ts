// A draw that many workgroups share gives the tokens of the op's reference and of the kernel that is one workgroup, however many parts
// there are: over rows at which a draw could go wrong.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { targetByName } from "../../codegen/target.ts";
import { GraphBuilder } from "../../ir/builder.ts";
import { at } from "../../ir/errors.ts";
import type { Graph } from "../../ir/graph.ts";
import { interpret } from "../../ir/interpret.ts";
import type { Op } from "../../ir/op.ts";
import { sampleTokens } from "../../ir/ops/index.ts";
import { parseType } from "../../ir/parse.ts";
import type { HostTensor } from "../../ir/tensor.ts";
import { gpuDevice, onGpu } from "../support/gpu.ts";
import { hostileRows, rowsOperands, rowsTypes } from "../support/hostile-rows.ts";
import { graphOfOp } from "../support/run-op.ts";
import { GpuGraph, type GpuOptions } from "../support/run-plan.ts";

const test = suite("sampling in parts");
const gpuTest = onGpu(test);
const DEFAULT = targetByName("webgpu-default");

/** The op's split form, as a graph with the op's operands as inputs. */
function splitGraph(op: Op, types: readonly string[], parts: number, attrs = {}): Graph {
  const b = new GraphBuilder(`${op.name}_in_${parts}`);
  const inputs = types.map((type, i) => b.input(`x${i}`, parseType(type)));
  const made = op.split?.(b.emit, inputs, attrs, parts);
  if (!made) throw new Error(`${op.name} is not cut into ${parts}`);
  return b.build(made);
}

const named = (operands: readonly HostTensor[]) => new Map(operands.map((t, i) => [`x${i}`, t]));

async function tokensOf(
  graph: Graph,
  operands: readonly HostTensor[],
  options: GpuOptions,
): Promise<readonly number[]> {
  const made = await GpuGraph.create(await gpuDevice(), graph, {}, options);
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

// 64 parts are more than there are ids; what is beyond 1024 ids may be too much to be held.
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

test.run();
