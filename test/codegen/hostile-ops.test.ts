// Kernels compute what an op says, or refuse: ops that keep each trait's promise in a way that none of wgpt's own does, alone
// and beside anchors, against the interpreter; also where subgroups are narrower or wider, and halves are read as f16.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseGraph } from "../../ir/parse.ts";
import { adapter, onGpu } from "../support/gpu.ts";
import { HOSTILE_CASES, HOSTILE_OPS } from "../support/hostile-cases.ts";
import { withOps } from "../support/own-ops.ts";
import { skipUnless } from "../support/skip.ts";
import { ALL_PASSES, CHECKED_TARGETS, checkKernels } from "./kernel-check.ts";

const test = suite("hostile ops");
const gpuTest = onGpu(test);

for (const { name, text, check } of HOSTILE_CASES)
  gpuTest(name, async (gpu) => {
    for (const disable of [[], ALL_PASSES])
      await checkKernels(gpu, parseGraph(text, withOps(HOSTILE_OPS)), {
        targets: CHECKED_TARGETS.slice(0, 1),
        ...check,
        disable,
      });
  });

const lavapipe = adapter?.features.includes("subgroups") && /llvmpipe/.test(adapter.description);

for (const width of [4, 8, 16, 32, 64])
  skipUnless(
    test,
    lavapipe,
    "no lavapipe with subgroups",
  )(`all of them, in subgroups of ${width} and with halves as f16`, () => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ["--import", "tsx", fileURLToPath(new URL("./check-hostile.ts", import.meta.url))],
      { encoding: "utf8", env: { ...process.env, LP_NATIVE_VECTOR_WIDTH: `${32 * width}` } },
    );
    assert.is(status, 0, stderr);
    assert.match(stdout, `subgroups of ${width} to ${width}`);
  });

test.run();
