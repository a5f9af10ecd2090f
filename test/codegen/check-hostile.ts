// A process of its own for hostile-ops.test.ts: a driver reads its subgroup width when it is loaded. Runs every hostile case
// with the shapes that a GPU would get (workgroups of 64, subgroups, halves read as f16) and with those of few lanes.
import { parseGraph } from "../../ir/parse.ts";
import { openDawn } from "../../runtime/dawn.ts";
import { HOSTILE_CASES, HOSTILE_OPS } from "../support/hostile-cases.ts";
import { withOps } from "../support/own-ops.ts";
import { CHECKED_TARGETS, checkKernels } from "./kernel-check.ts";

const gpu = await openDawn({ backend: "vulkan", quiet: true });
const targets = CHECKED_TARGETS.map((t) => ({ ...t, features: ["shader-f16", "subgroups"] }));
for (const { name, text, check } of HOSTILE_CASES) {
  const graph = parseGraph(text, withOps(HOSTILE_OPS));
  const stored = graph.inputs.some((i) => i.kind === "weight") ? (["f32", "f16"] as const) : (["f32"] as const);
  for (const weights of stored)
    await checkKernels(gpu, graph, { ...check, targets, weights }).catch((error: unknown) => {
      throw new Error(`${name}, weights ${weights}`, { cause: error });
    });
}
const { subgroupMinSize, subgroupMaxSize } = gpu.device.adapterInfo;
console.log(`subgroups of ${subgroupMinSize} to ${subgroupMaxSize}`);
gpu.close();
