// A kernel that reads its neighbours' registers must not care how many of them a subgroup has. Mesa's software driver takes
// its width from the environment.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { adapter } from "../support/gpu.ts";
import { skipUnless } from "../support/skip.ts";

const test = suite("subgroup widths");
const lavapipe = adapter?.features.includes("subgroups") && /llvmpipe/.test(adapter.description);

for (const [bits, width] of [
  [128, 4],
  [512, 16],
  [1024, 32],
] as const)
  skipUnless(
    test,
    lavapipe,
    "no lavapipe with subgroups",
  )(`quads are right in subgroups of ${width}`, () => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ["--import", "tsx", fileURLToPath(new URL("./check-quads.ts", import.meta.url))],
      { encoding: "utf8", env: { ...process.env, LP_NATIVE_VECTOR_WIDTH: `${bits}` } },
    );
    assert.is(status, 0, stderr);
    assert.match(stdout, `subgroups of ${width} to ${width}`);
  });

test.run();
