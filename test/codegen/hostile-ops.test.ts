// Kernels compute what an op says, or refuse: ops that keep each trait's promise in a way that none of wgpt's own does, alone
// and beside anchors, against the interpreter; also where subgroups are narrower or wider, and halves are read as f16.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileEntries } from "../../codegen/compile.ts";
import { parseGraph } from "../../ir/parse.ts";
import { adapter, onGpu } from "../support/gpu.ts";
import { HOSTILE_CASES, HOSTILE_OPS, stirs } from "../support/hostile-cases.ts";
import { withStir } from "../support/hostile-kernel.ts";
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

test("only what an op promises to have read by then is overwritten by its kernel", () => {
  const kernels = (op: string) => {
    const graph = parseGraph(stirs(op), withOps(HOSTILE_OPS));
    const { plan } = compileEntries("g", [{ name: "run", graph, maxima: { T: 5, P: 2 } }], { toolkit: withStir });
    return plan.entries[0]?.steps.map((s) => s.kernel);
  };
  assert.equal(kernels("stir"), ["stir.neg.accumulate.cache_update.19"]);
  assert.equal(kernels("stir_at_once"), ["stir_at_once.neg.19", "scatter.cache_update.19", "pointwise.accumulate.19"]);
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
