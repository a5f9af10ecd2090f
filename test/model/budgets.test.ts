// What a token may cost, for every preset and without a GPU: dispatches, bytes of weights, WebGPU objects, host time.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { bufferBytes, type Plan, symbolMaxima, weightBytesRead } from "../../base/plan.ts";
import { compileGpt2 } from "../../codegen/compile-gpt2.ts";
import { rankKernels } from "../../codegen/rank-kernels.ts";
import { targetByName } from "../../codegen/target.ts";
import { at } from "../../ir/errors.ts";
import { PRESETS } from "../../ir/models/gpt2/config.ts";
import { Executor } from "../../runtime/executor.ts";
import { countCalls } from "../support/count-calls.ts";
import { nullDevice } from "../support/gpu.ts";
import { DISTINCT_TARGETS } from "../support/targets.ts";

const test = suite("budgets");

const WEIGHTS = ["f32", "f16"] as const;
const decodeOf = (plan: Plan) =>
  at(
    plan.entries.filter((e) => e.name === "decode"),
    0,
  );

/** From so many units on, one dispatch may have too few workgroups for a machine, and two be faster. */
const MANY_UNITS = 32;

for (const [name, config] of Object.entries(PRESETS))
  for (const weights of WEIGHTS)
    test(`${name} ${weights}: 5 dispatches a layer, 4 outside, a few more where units are many, each weight read once`, () => {
      for (const target of DISTINCT_TARGETS) {
        const { plan } = compileGpt2(config, { target, weights, entries: ["decode"] });
        const { steps, ...decode } = decodeOf(plan);
        const inLayers = steps.filter((s) => /^h\.\d+\./.test(s.label));
        // A split head adds its further parts, and the row they are joined to.
        const parts = plan.weights.filter((w) => /^wte\.weight\.\d+$/.test(w.name)).length;
        const outside = 4 + (parts === 0 ? 0 : parts);
        const isGpu = target.machine.software === undefined;
        const more = isGpu && target.machine.units >= MANY_UNITS ? 2 : 0;
        const isWithin = (n: number, least: number, most: number, what: string) =>
          assert.ok(
            n >= least && n <= most,
            `${target.name}: ${n} dispatches ${what}, ${least} to ${most} are allowed`,
          );
        isWithin(inLayers.length / config.n_layer, 5, 5 + more, "a layer");
        // One workgroup draws from a row of logits; on a GPU many do, and one puts together what they have.
        isWithin(steps.length - inLayers.length, outside, outside + (isGpu ? 1 : 0), "outside");
        const stored = plan.buffers
          .filter((b) => b.kind === "weight")
          .reduce((n, b) => n + bufferBytes(b, symbolMaxima(plan)), 0);
        const read = weightBytesRead({ ...decode, steps }, {});
        assert.ok(read <= 1.02 * stored && read > 0.9 * stored, `${target.name}: reads ${read} of ${stored} bytes`);
      }
    });

test("a dispatch more is one that a machine is predicted to gain by", () => {
  const config = PRESETS["gpt2"];
  assert.ok(config);
  if (!config) return;
  for (const id of ["h100", "rx-7900-xtx", "mi200"]) {
    const target = targetByName(id);
    const stepsAndSeconds = (disable: readonly string[]) => {
      const { plan, entries } = compileGpt2(config, { target, weights: "f16", entries: ["decode"], disable });
      const { computed, lengths } = at(entries, 0);
      const seconds = computed.map((c) => at(rankKernels(c.node, target, lengths), 0).prediction.seconds);
      return [decodeOf(plan).steps.length, seconds.reduce((a, b) => a + b)] as const;
    };
    const [[many, fast], [few, slow]] = [stepsAndSeconds([]), stepsAndSeconds(["choose-steps"])];
    assert.is(few, 5 * config.n_layer + 4, id);
    assert.ok(many > few && fast < slow, `${id}: ${many} steps in ${fast} s, ${few} in ${slow} s`);
  }
});

test("a layer's weights and no table are what a prefill call reads, whatever its length", () => {
  const config = PRESETS["gpt2"];
  assert.ok(config);
  if (!config) return;
  const { plan } = compileGpt2(config, { target: targetByName("rtx-4060"), entries: ["prefill"] });
  const prefill = at(plan.entries, 0);
  // A new token takes a row of each table; the head reads all of wte.
  assert.is(weightBytesRead(prefill, { T: 65 }) - weightBytesRead(prefill, { T: 1 }), 64 * 2 * 4 * config.n_embd);
  assert.is(weightBytesRead(prefill, { T: 1 }), 4 * (124439808 - 1024 * 768 + 2 * 768));
});

test("a decode step makes no object and writes nothing after the first, and is one submit", async () => {
  const config = PRESETS["gpt2"];
  assert.ok(config);
  if (!config) return;
  const { open, calls } = countCalls(await nullDevice());
  const { plan } = compileGpt2({ ...config, n_layer: 2 }, { target: targetByName("webgpu-default") });
  const executor = await Executor.create(open, plan);
  const ahead = 4;
  const steps = async (from: number, count: number) => {
    for (let i = 0; i < count; i += ahead)
      await Promise.all(
        Array.from({ length: ahead }, (_, j) => {
          const P = from + i + j;
          return executor.runAndRead("decode", { P }, { buffer: "tokens", offset: 4 * (P + 1), size: 4 });
        }),
      );
  };
  await steps(0, ahead);
  assert.ok((calls.made["createBuffer"] ?? 0) > 20, "the proxy counts");
  for (const method of Object.keys(calls.made)) delete calls.made[method];
  Object.assign(calls, { writes: 0, submits: 0, encoders: 0 });
  await steps(ahead, 100);
  assert.equal(calls, { made: {}, writes: 0, submits: 100, encoders: 100 });
  executor.destroy();
});

test.run();
