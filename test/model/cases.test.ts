// The small checkpoints of ../shared/cases whose logits somebody computed in f64: loaded as they are, they give them.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import { onGpu } from "../support/gpu.ts";
import { allLogits, assertWithin, F32_BOUND, withSession } from "../support/models.ts";
import { shared } from "../support/shared.ts";
import { skipUnless } from "../support/skip.ts";

const test = suite("cases");

for (const name of ["n-ctx-smaller-than-n-positions", "tied-only-lm-head", "prefix-orig-mod"]) {
  const folder = shared(`cases/${name}`);
  const title = `${name}: the logits of its expected.json`;
  if (folder === undefined) skipUnless(test, folder, `no ../shared/cases/${name}`)(title, () => {});
  else
    onGpu(test)(title, (gpu) =>
      withSession(gpu, folder, {}, async (session) => {
        const { ids, logits } = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8"));
        assertWithin(await allLogits(session, ids), logits.flat(), F32_BOUND, name);
      }),
    );
}

test.run();
