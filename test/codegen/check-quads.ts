// A process of its own for subgroup-widths.test.ts: a driver reads its subgroup width when it is loaded. Prints the width
// that the adapter has, and fails where a kernel that shares registers in a subgroup gives wrong numbers.
import { openDawn } from "../../runtime/dawn.ts";
import { CHECKED_TARGETS, checkKernels, worstErrors } from "./kernel-check.ts";
import { matmul } from "./kernel-texts.ts";

const KERNEL = "matmul_blocked_quads";
const gpu = await openDawn({ backend: "vulkan", quiet: true });
// Workgroups of 64 and of 8 invocations: more than a subgroup, and less than one.
const targets = CHECKED_TARGETS.map((t) => ({ ...t, features: ["subgroups"] }));
await checkKernels(gpu, matmul("T", 68, 1028), {
  targets,
  terms: 68,
  runs: [{ T: 1 }, { T: 5 }, { T: 40 }],
  kernels: [KERNEL],
});
if (!worstErrors.has(KERNEL)) throw new Error(`no target took ${KERNEL}`);
const { subgroupMinSize, subgroupMaxSize } = gpu.device.adapterInfo;
console.log(`subgroups of ${subgroupMinSize} to ${subgroupMaxSize}`);
gpu.close();
