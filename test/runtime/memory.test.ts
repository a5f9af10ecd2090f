// What a plan is said to take: the same as what is allocated, and what happens where that is too much.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Plan } from "../../base/plan.ts";
import type { CompileOptions } from "../../codegen/compile.ts";
import { compileGpt2 } from "../../codegen/compile-gpt2.ts";
import { targetByName } from "../../codegen/target.ts";
import { shortenContext } from "../../ir/family.ts";
import { type Gpt2Config, PRESETS, readGpt2Config } from "../../ir/models/gpt2/config.ts";
import type { AdapterReport, OpenDevice } from "../../runtime/device.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { Executor } from "../../runtime/executor.ts";
import {
  checkMemory,
  type MemoryBounds,
  memoryNeed,
  type PlanChange,
  printBytes,
  printNeed,
} from "../../runtime/memory.ts";
import { Model } from "../../runtime/model.ts";
import { openRandomWeights } from "../../runtime/weights/random.ts";
import { sourcesOf } from "../../runtime/weights/storage.ts";
import { nullDevice } from "../support/gpu.ts";

const test = suite("memory");

const SMALL = { n_layer: 3, n_head: 2, n_embd: 24, n_ctx: 40, vocab_size: 333 };
const plan = (config: Gpt2Config, options: CompileOptions = {}): Plan => compileGpt2(config, options).plan;
const MIB = 2 ** 20;

/** The sizes of all buffers that the device is asked for meanwhile. */
async function allocated({ device }: OpenDevice, body: () => Promise<void>): Promise<number> {
  const createBuffer = device.createBuffer.bind(device);
  let bytes = 0;
  device.createBuffer = (descriptor) => {
    bytes += descriptor.size;
    return createBuffer(descriptor);
  };
  try {
    await body();
  } finally {
    device.createBuffer = createBuffer;
  }
  return bytes;
}

const MODELS: Readonly<Record<string, readonly [config: Gpt2Config, options: CompileOptions]>> = {
  "all entry points": [readGpt2Config(SMALL), {}],
  "what generate uses": [readGpt2Config(SMALL), { entries: ["prefill", "decode"] }],
  "what score uses, in chunks of 7": [readGpt2Config(SMALL), { entries: ["logits"], chunk: 7 }],
  "f16 with a shorter context": [shortenContext(readGpt2Config(SMALL), 9), { weights: "f16" }],
  "odd sizes": [readGpt2Config({ ...SMALL, n_embd: 9, n_head: 3, vocab_size: 77 }), { weights: "f16" }],
};
for (const [name, [config, options]] of Object.entries(MODELS))
  test(`the need is what is allocated: ${name}`, async () => {
    const gpu = await nullDevice();
    const made = plan(config, options);
    const need = memoryNeed(made);
    const weights = openRandomWeights(sourcesOf(made.weights), 1, "F32");
    let planned = 0;
    const bytes = await allocated(gpu, async () => {
      const model = await Model.load(gpu, made, weights);
      const session = await model.session();
      planned = model.bufferBytes;
      const text = Array.from({ length: config.n_ctx }, () => 1);
      const has = (entry: string) => made.entries.some((e) => e.name === entry);
      if (has("logits")) for await (const { rows } of session.feedAll(text)) assert.ok(rows > 0);
      await session.reset();
      if (has("prefill")) await session.feed(text.slice(1));
      if (has("decode")) await session.feed([2]);
      await model.close();
    });
    const kept = need.weights + need.caches + need.activations + need.inputsAndOutputs;
    assert.is(planned, kept, "the executor's own count");
    assert.is(need.total, kept + need.readBack + need.upload);
    assert.is(bytes, kept + need.readBack);
    assert.ok(need.upload > 0 && need.upload <= need.weights);
  });

test("counts every model of the family within 1 % of what its parameters take", () => {
  for (const [name, most] of [
    ["gpt2", 475],
    ["gpt2-xl", 5942],
  ] as const) {
    const { weights, caches, total } = memoryNeed(
      plan(PRESETS[name] as Gpt2Config, { entries: ["decode"], weights: "f32" }),
    );
    assert.ok(Math.abs(weights / MIB - most) < 0.01 * most, `${name}: ${weights / MIB} MiB`);
    assert.ok(total > weights + caches);
  }
});

const ADAPTER: AdapterReport = {
  vendor: "",
  architecture: "",
  description: "a test's adapter",
  software: true,
  features: [],
  limits: { maxBufferSize: 2 ** 30, maxStorageBufferBindingSize: 2 ** 27 },
};
const gpt2 = plan(PRESETS["gpt2"] as Gpt2Config, { entries: ["decode"] });
const refusal = (made: Plan, bounds: Partial<MemoryBounds>): string => {
  try {
    checkMemory(made, memoryNeed(made), { adapter: ADAPTER, ...bounds });
    return "fits";
  } catch (error) {
    return error instanceof Error ? error.message : "";
  }
};

test("lets through what fits, and what nobody knows the size of", () => {
  assert.is(refusal(gpt2, {}), "fits");
  assert.is(refusal(gpt2, { limit: memoryNeed(gpt2).total }), "fits");
  assert.is(
    refusal(gpt2, { free: 1, adapter: { ...ADAPTER, software: false } }),
    "fits",
    "a GPU has memory of its own",
  );
});

test("names both sides and the options that help", () => {
  const { total, caches } = memoryNeed(gpt2);
  const message = refusal(gpt2, { limit: total - caches / 2 });
  assert.match(
    message,
    /^memory: needs \d+\.\d MiB: weights 474\.7 MiB, caches 72\.0 MiB, .*, but --memory-limit allows/,
  );
  assert.match(message, /hint: --dtype f16 needs \d+\.\d MiB; --context 512 fits$/);
  assert.match(
    refusal(gpt2, { free: total - 1 }),
    /but this machine, whose memory the software adapter uses, has free/,
  );
});

test("says so when only both options together help, or nothing does", () => {
  const { total, weights, caches } = memoryNeed(gpt2);
  assert.match(
    refusal(gpt2, { limit: total - weights / 2 - caches / 2 }),
    /hint: --dtype f16 with --context \d+ fits$/,
  );
  assert.match(refusal(gpt2, { limit: MIB }), /hint: neither --dtype f16 nor .* choose a smaller model$/);
  const half = plan(PRESETS["gpt2"] as Gpt2Config, { entries: ["decode"], weights: "f16" });
  assert.match(refusal(half, { limit: memoryNeed(half).total - 1 }), /hint: --context 1023 fits$/);
});

test("the options that a refusal names do help, with what it says they need", () => {
  const { total, caches } = memoryNeed(gpt2);
  const config = PRESETS["gpt2"] as Gpt2Config;
  const limit = total - caches / 2;
  const shortened = plan(shortenContext(config, 512), { entries: ["decode"] });
  assert.is(refusal(shortened, { limit }), "fits");
  const promised = /--dtype f16 needs (.*?);/.exec(refusal(gpt2, { limit }))?.[1];
  const half = memoryNeed(plan(config, { entries: ["decode"], weights: "f16" })).total;
  assert.ok(promised !== undefined && Math.abs(Number.parseFloat(promised) * MIB - half) < 0.01 * half, promised);
});

test("where the model can be compiled again, suggests only what then fits", () => {
  // With pointwise fusion left out, halves are cast into temporaries, which take what they save.
  const config = { ...(PRESETS["gpt2"] as Gpt2Config), n_layer: 1 };
  const nvidia = { ...targetByName("rtx-4060"), features: [] };
  const compile = ({ weights = "f32", context = 1024 }: PlanChange = {}) =>
    plan(shortenContext(config, context), {
      entries: ["decode"],
      target: nvidia,
      disable: ["fuse-pointwise"],
      weights,
    });
  const made = compile();
  const adapter = { ...ADAPTER, limits: { maxBufferSize: 2 ** 30, maxStorageBufferBindingSize: 2 ** 30 } };
  const limit = memoryNeed(made).total - 2 * MIB;
  const hint = (replan?: typeof compile): RuntimeError => {
    try {
      checkMemory(made, memoryNeed(made), { adapter, limit }, replan);
    } catch (error) {
      if (error instanceof RuntimeError) return error;
    }
    throw new Error("nothing was refused");
  };
  const half = memoryNeed(compile({ weights: "f16" })).total;
  assert.ok(half > limit, `as f16 it takes ${half}, and may take ${limit}`);
  assert.match(hint().hint ?? "", /^--dtype f16 needs/);
  const { hint: words, fix } = hint(compile);
  const [, context] = /^--context (\d+) fits$/.exec(words ?? "") ?? [];
  assert.equal(fix, { kind: "options", add: ["--context", context] });
  assert.ok(memoryNeed(compile({ context: Number(context) })).total <= limit);
});

test("refuses a buffer that is larger than the adapter binds, by name", () => {
  const adapter = { ...ADAPTER, limits: { maxBufferSize: 2 ** 30, maxStorageBufferBindingSize: MIB } };
  assert.match(
    refusal(gpt2, { adapter }),
    /^memory: buffer wte\.weight\S* takes 1\d\d\.\d MiB, but a test's adapter allows 1\.0 MiB/,
  );
});

test("prints sizes as a reader wants them", () => {
  assert.equal([12, 2048, 3 * MIB, 2.5 * 2 ** 30].map(printBytes), ["12 bytes", "2 KiB", "3.0 MiB", "2.50 GiB"]);
  assert.match(
    printNeed(memoryNeed(gpt2)),
    /^needs \S+ MiB: weights \S+ MiB, caches \S+ MiB, activations \S+ KiB, inputs and outputs \S+ KiB, read-back \S+ KiB, upload \S+ MiB$/,
  );
});

test("an executor alone allocates what its plan says, and the symbols", async () => {
  const gpu = await nullDevice();
  const made = plan(readGpt2Config(SMALL));
  const bytes = await allocated(gpu, async () => (await Executor.create(gpu, made)).destroy());
  const need = memoryNeed(made);
  assert.is(bytes, need.total - need.upload - need.readBack);
});

test.run();
