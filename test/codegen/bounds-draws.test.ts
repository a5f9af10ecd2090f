// Draws that many workgroups share stay within their tensors and their workgroup memory, also where logits are no distribution.
import { suite } from "uvu";
import { targetByName } from "../../codegen/target.ts";
import { sampleTokens } from "../../ir/ops/index.ts";
import { onGpu } from "../support/gpu.ts";
import { hostileRows, rowsOperands, rowsTypes } from "../support/hostile-rows.ts";
import { GpuGraph } from "../support/run-plan.ts";
import { splitGraph } from "../support/split-graph.ts";

const test = suite("bounds of draws");
const gpuTest = onGpu(test);

// 64 parts of 100 ids: the last ones are empty. Of 2,100 ids, not all can be held that a filter may keep.
for (const [width, parts, target] of [
  [100, 64, "lavapipe"],
  [2100, 7, "webgpu-default"],
] as const)
  gpuTest(`draws from ${parts} parts of ${width} logits stay within their tensors for ${target}`, async (gpu) => {
    const rows = hostileRows(width);
    const graph = splitGraph(sampleTokens, rowsTypes(rows.length, width), parts);
    const made = await GpuGraph.create(gpu, graph, {}, { target: targetByName(target), checkBounds: true });
    try {
      await made.run(new Map(rowsOperands(rows).map((t, i) => [`x${i}`, t])));
    } finally {
      made.destroy();
    }
  });

test.run();
