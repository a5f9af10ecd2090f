// The kernel draws what the op's reference draws: greedy, filtered, and from logits that are no distribution.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { targetByName, targetForAdapter } from "../../codegen/target.ts";
import { at } from "../../ir/errors.ts";
import { sampleToken } from "../../ir/ops/index.ts";
import { gpuDevice, onGpu } from "../support/gpu.ts";
import { graphOfOp } from "../support/run-op.ts";
import { GpuGraph } from "../support/run-plan.ts";
import { drawByReference, operandsOf, operandTypes, type Settings } from "../support/sample-token.ts";
import { splitGraph } from "../support/split-graph.ts";

const test = suite("sample_token kernel");
const gpuTest = onGpu(test);

const SETTINGS: readonly Settings[] = [
  { temperature: 0 },
  { temperature: 1 },
  { temperature: 0.7, topK: 5 },
  { temperature: 1.5, topP: 0.9 },
  { temperature: 0.8, topK: 40, topP: 0.95 },
  { temperature: 1, topK: 100_000, topP: 1e-6 },
  { temperature: 1.3, minP: 0.05 },
  { temperature: 0.9, topK: 30, topP: 0.97, minP: 0.2 },
  { temperature: 1, minP: 1 },
  { temperature: 0, repetitionPenalty: 1.3 },
  { temperature: 1.1, repetitionPenalty: 1.2 },
  { temperature: 0.8, topK: 20, topP: 0.9, minP: 0.02, repetitionPenalty: 0.7 },
];

/** Seeded logits in eighths, so that there are equals. */
const logitsOf = (width: number, salt: number): number[] =>
  Array.from({ length: width }, (_, i) => Math.round(8 * 6 * Math.sin(12.9898 * i + salt) ** 3) / 8);

gpuTest("draws the reference's token, whatever the width, the settings and the seed", async (gpu) => {
  for (const target of [targetForAdapter(gpu.adapter), targetByName("webgpu-default")])
    for (const width of [1, 7, 100, 1025]) {
      const drawer = await drawerOf(width, target);
      for (const settings of SETTINGS)
        for (let seed = 0; seed < 12; seed++) {
          const logits = logitsOf(width, seed);
          // The likeliest stand in the sequence, one of them twice, and one beyond the step, which does not count.
          const ids = logits.map((_, id) => id).sort((a, b) => at(logits, b) - at(logits, a));
          const sequence = [ids[0], ids[seed % 5], ids[0], ids[1]].map((id) => id ?? 0);
          const given = { ...settings, sequence };
          const want = drawByReference(logits, given, seed, 3);
          assert.is(await drawer.draw(logits, given, seed), want, `${width} ${JSON.stringify(settings)} ${seed}`);
        }
      drawer.destroy();
    }
});

gpuTest("penalises what was seen also where a vocabulary is larger than a workgroup's memory", async () => {
  const width = 140_000;
  const target = targetByName("webgpu-default");
  assert.ok(width / 8 > target.limits.maxComputeWorkgroupStorageSize);
  const logits = Array.from({ length: width }, (_, id) => (id === 139_999 ? 9 : id === 70_000 ? 8 : (id % 7) / 8));
  for (const parts of [undefined, 64]) {
    const drawer = await drawerOf(width, target, parts);
    for (const [sequence, want] of [
      [[1, 2, 3], 139_999],
      [[1, 139_999, 3], 70_000],
      [[139_999, 70_000, 3], 139_999],
    ] as const) {
      const settings = { temperature: 0, repetitionPenalty: 1.5, sequence };
      assert.is(drawByReference(logits, settings, 0, 3), want);
      assert.is(await drawer.draw(logits, settings, 0), want);
    }
    drawer.destroy();
  }
});

gpuTest("gives -1 for logits that are no distribution, and never a token of -Infinity", async (gpu) => {
  const none = Number.NEGATIVE_INFINITY;
  const drawer = await drawerOf(4, targetForAdapter(gpu.adapter));
  for (const temperature of [0, 1]) {
    for (const bad of [Number.NaN, -Number.NaN, Number.POSITIVE_INFINITY])
      assert.is(await drawer.draw([1, bad, 2, 0], { temperature }, 0), -1, `${bad} at ${temperature}`);
    assert.is(await drawer.draw([none, none, none, none], { temperature }, 0), -1);
    for (let seed = 0; seed < 20; seed++)
      assert.is(await drawer.draw([none, none, -1e38, none], { temperature }, seed), 2);
  }
  drawer.destroy();
});

gpuTest("never draws a suppressed id, whatever its logit is, and gives -1 where none is left", async (gpu) => {
  const width = 77;
  const suppressed = Array.from({ length: width }, (_, id) => id).filter((id) => id >= 70 || id % 3 === 0);
  const drawer = await drawerOf(width, targetForAdapter(gpu.adapter));
  for (const settings of SETTINGS)
    for (let seed = 0; seed < 12; seed++) {
      // What is suppressed would win, or spoil the rest.
      const high = [50, Number.NaN, Number.POSITIVE_INFINITY][seed % 3] ?? 0;
      const logits = logitsOf(width, seed).map((z, id) => (suppressed.includes(id) ? high : z));
      const token = await drawer.draw(logits, { ...settings, suppressed }, seed);
      assert.not.ok(suppressed.includes(token) || token < 0, `${token}`);
      assert.is(token, drawByReference(logits, { ...settings, suppressed }, seed, 3), `${JSON.stringify(settings)}`);
      assert.is(await drawer.draw(logits, { ...settings, suppressed: logits.map((_, id) => id) }, seed), -1);
    }
  drawer.destroy();
});

/** By the kernel that is one workgroup, or in so many parts. */
async function drawerOf(width: number, target: ReturnType<typeof targetByName>, parts?: number) {
  const [types, attrs] = [operandTypes(width), { step: 3 }];
  const graph =
    parts === undefined ? graphOfOp(sampleToken, types, attrs) : splitGraph(sampleToken, types, parts, attrs);
  const compiled = await GpuGraph.create(await gpuDevice(), graph, {}, { target, disable: ["choose-steps"] });
  return {
    async draw(logits: readonly number[], settings: Settings, seed: number): Promise<number> {
      const operands = operandsOf(logits, settings, seed).map((tensor, i) => [`x${i}`, tensor] as const);
      const results = await compiled.run(new Map(operands));
      return at(at(results, 0).data, 0);
    },
    destroy: () => compiled.destroy(),
  };
}

test.run();
