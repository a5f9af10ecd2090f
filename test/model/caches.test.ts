// Keys and values as f16: what a model computes from them, how much memory they take, and who hears of it.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileBatch, compileModel } from "../../codegen/compile.ts";
import { targetByName } from "../../codegen/target.ts";
import { embeddedModel, openModel } from "../../engine/index.ts";
import { at } from "../../ir/errors.ts";
import { interpret } from "../../ir/interpret.ts";
import { gpt2 } from "../../ir/models/gpt2/family.ts";
import { buildGpt2 } from "../../ir/models/gpt2/graph.ts";
import type { HostTensor } from "../../ir/tensor.ts";
import { storeCachesAsF16 } from "../../passes/store-caches.ts";
import { checkMemory, memoryNeed } from "../../runtime/memory.ts";
import { tinyGpt2 } from "../passes/gpt2-variants.ts";
import { onGpu } from "../support/gpu.ts";
import { runOnGpu } from "../support/run-plan.ts";
import { maxDifference, seededTensor } from "../support/tensors.ts";

const test = suite("f16 caches");
const gpuTest = onGpu(test);

const SYMBOLS = { T: 3, P: 4 };

gpuTest("logits are those of rounded keys and values, and far nearer to them than to exact ones", async () => {
  const graph = buildGpt2(tinyGpt2());
  const stored = storeCachesAsF16.run(graph);
  const small = (t: HostTensor): HostTensor => (t.dtype === "f32" ? { ...t, data: t.data.map((x) => x / 2) } : t);
  const inputs = new Map(
    stored.inputs.map(({ value }, i) => [value.name, small(seededTensor(value.type, SYMBOLS, i + 1))] as const),
  );
  const asF32 = new Map(
    [...inputs].map(([name, t]) => [name, t.dtype === "f16" ? ({ ...t, dtype: "f32" } as const) : t]),
  );
  const [rounded, exact] = [interpret(stored, inputs, SYMBOLS), interpret(graph, asF32, SYMBOLS)];
  for (const disable of [[], ["fuse-pointwise", "fuse-attention"]]) {
    const made = at(await runOnGpu(graph, inputs, SYMBOLS, { caches: "f16", disable }), 0);
    const [error, effect] = [maxDifference(made, at(rounded, 0)), maxDifference(at(exact, 0), at(rounded, 0))];
    assert.ok(effect > 1e-5, `rounding moves logits by ${effect}`);
    assert.ok(error < effect / 8, `off by ${error}, where rounding moves logits by ${effect}`);
  }
});

test("they take half the memory, and no step more, on any machine", () => {
  for (const target of ["lavapipe", "webgpu-default", "h100"].map(targetByName)) {
    const [full, half] = (["f32", "f16"] as const).map(
      (caches) => compileModel(gpt2, tinyGpt2(), { target, caches }).plan,
    );
    if (!full || !half) throw new Error("two plans");
    assert.is(memoryNeed(half).caches - bytesOfTokens(half), (memoryNeed(full).caches - bytesOfTokens(full)) / 2);
    assert.equal(
      half.entries.map((e) => e.steps.length),
      full.entries.map((e) => e.steps.length),
      target.name,
    );
    const batches = (["f32", "f16"] as const).map(
      (caches) => compileBatch(gpt2, tinyGpt2(), { sequences: 3 }, { target, caches }).plan.entries,
    );
    assert.equal(
      ...(batches.map((entries) => entries.map((e) => e.steps.length)) as [number[], number[]]),
      target.name,
    );
  }
});

/** Of the ids, which lie among the states. */
const bytesOfTokens = ({ model }: { readonly model?: { readonly n_ctx: number } }): number =>
  4 * ((model?.n_ctx ?? 0) + 1);

test("where memory is short, they are named among the ways out, with what the model then needs", () => {
  const compile = (change: object) => compileModel(gpt2, { ...tinyGpt2(), n_ctx: 1 << 14 }, change).plan;
  const plan = compile({});
  const need = memoryNeed(plan);
  const wanted = memoryNeed(compile({ caches: "f16" })).total;
  const bounds = {
    adapter: { software: false, limits: {}, description: "test" } as never,
    free: undefined,
    limit: wanted,
  };
  assert.throws(() => checkMemory(plan, need, bounds, compile), /--cache-dtype f16 needs/);
});

gpuTest("a session draws with them, and a model says no to what is no dtype", async () => {
  const place = await embeddedModel();
  const model = await openModel(place, { cacheDtype: "f16" });
  try {
    const session = await model.session();
    const drawn = await session.drawAfter([1, 2, 3], { temperature: 0 }, 0);
    assert.ok(drawn >= 0 && drawn < model.facts.n_vocab);
  } finally {
    await model.close();
  }
  await openModel(place, { cacheDtype: "bf16" as never }).then(
    () => assert.unreachable("bf16 was taken"),
    (error: Error) => assert.match(String(error), /cacheDtype.*f32.*f16/s),
  );
});

test.run();
