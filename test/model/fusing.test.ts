// Fusing changes how much is computed at once and never what: the logits with every fusing pass on, each one off, and all
// off are those of the independent reference, by each entry point.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileGpt2 } from "../../codegen/compile-gpt2.ts";
import { targetByName } from "../../codegen/target.ts";
import { at } from "../../ir/errors.ts";
import type { Session } from "../../runtime/session.ts";
import { FUSING_PASSES } from "../support/fusing-passes.ts";
import { onGpu } from "../support/gpu.ts";
import {
  allLogits,
  assertWithin,
  EMBEDDED,
  F32_BOUND,
  NANO_SORT,
  type ReferenceCase,
  readConfig,
  readReference,
  withSession,
} from "../support/models.ts";
import { skipUnless } from "../support/skip.ts";

const test = suite("fusing");

const VARIANTS: readonly { readonly name: string; readonly disable: readonly string[] }[] = [
  { name: "with every fusing pass on", disable: [] },
  ...FUSING_PASSES.map((pass) => ({ name: `without ${pass}`, disable: [pass] })),
  { name: "without any fusing pass", disable: FUSING_PASSES },
];

/** Passes that look for what GPT-2 does not have. */
const OF_OTHERS: readonly string[] = ["fuse-rms-norm", "fuse-scatter", "choose-steps"];

/** The three ways in: all positions at once, the last one of a prefill, and a decode step after a prefill. */
async function check(session: Session, { ids, logits }: ReferenceCase): Promise<void> {
  const last = at(logits, logits.length - 1);
  assertWithin(await allLogits(session, ids), logits.flat(), F32_BOUND, "logits");
  await session.reset();
  assertWithin(await session.feed(ids), last, F32_BOUND, "prefill");
  await session.reset();
  await session.feed(ids.slice(0, -1));
  assertWithin(await session.feed(ids.slice(-1)), last, F32_BOUND, "decode");
}

for (const [name, folder] of [
  ["shakespeare", EMBEDDED],
  ["gpt-nano-sort", NANO_SORT],
] as const) {
  const reference = folder === undefined ? undefined : at(readReference(folder).cases, 0);
  const eachWay = (title: string, options: Parameters<typeof withSession>[2]) => {
    if (folder === undefined || !reference)
      skipUnless(test, undefined, `no ../shared/data/models/${name}`)(title, () => {});
    else onGpu(test)(title, (gpu) => withSession(gpu, folder, options, (session) => check(session, reference)));
  };
  for (const { name: variant, disable } of VARIANTS) eachWay(`${name} ${variant}: the reference's logits`, { disable });
  // Other adapters are given other kernels; this one can run those too.
  eachWay(`${name} compiled for webgpu-default: the reference's logits`, { target: targetByName("webgpu-default") });
}

test("leaving passes out changes what runs: a switch that did nothing would pass every comparison", () => {
  const config = readConfig(EMBEDDED);
  const plans = VARIANTS.map(({ disable }) => compileGpt2(config, { disable, entries: ["decode"] }).plan);
  assert.is(new Set(plans.map((plan) => JSON.stringify(plan))).size, VARIANTS.length - OF_OTHERS.length);
  const dispatches = plans.map((plan) => at(plan.entries, 0).steps.length);
  const [fused = 0, unfused = 0] = [dispatches[0], dispatches.at(-1)];
  assert.ok(unfused > 5 * fused, `${unfused} dispatches without fusing, ${fused} with it`);
});

test.run();
