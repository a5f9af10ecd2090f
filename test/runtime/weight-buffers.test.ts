// Weights on a device that several plans read: one copy, freed with its last reader, and refused where it does not fit.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Plan } from "../../base/plan.ts";
import { sliceRecipe, tensorRecipe } from "../../base/recipe.ts";
import { compileEntries } from "../../codegen/compile.ts";
import { compileGpt2 } from "../../codegen/compile-gpt2.ts";
import { targetByName } from "../../codegen/target.ts";
import { readGpt2Config } from "../../ir/models/gpt2/config.ts";
import { parseGraph } from "../../ir/parse.ts";
import { openDawn } from "../../runtime/dawn.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { LoadedPlan } from "../../runtime/loaded-plan.ts";
import { memoryNeed } from "../../runtime/memory.ts";
import { Model } from "../../runtime/model.ts";
import type { SequenceState } from "../../runtime/sequence-state.ts";
import { openRandomWeights } from "../../runtime/weights/random.ts";
import type { WeightSource } from "../../runtime/weights/source.ts";
import { sourcesOf } from "../../runtime/weights/storage.ts";
import { uploadWeights } from "../../runtime/weights/upload-weights.ts";
import { WeightBuffers } from "../../runtime/weights/weight-buffers.ts";
import { countBuffers, withMethods } from "../support/count-buffers.ts";
import { nullDevice, onGpu } from "../support/gpu.ts";
import { rejects } from "../support/rejects.ts";

const test = suite("weight buffers");
const gpuTest = onGpu(test);

const CONFIG = readGpt2Config({ n_layer: 2, n_head: 2, n_embd: 16, n_ctx: 24, vocab_size: 61 });
const TARGET = targetByName("webgpu-default");
const SMALL = compileGpt2(CONFIG, { target: TARGET }).plan;
const SPLIT = compileGpt2(CONFIG, { target: TARGET, disable: ["fuse-pointwise"] }).plan;
const HALF = compileGpt2(CONFIG, { target: TARGET, weights: "f16" }).plan;
const weightBytes = (plan: Plan): number => memoryNeed(plan).weights;

const sourceFor = (...plans: readonly Plan[]): WeightSource =>
  openRandomWeights(sourcesOf(plans.flatMap((p) => p.weights)), 1, "F32");

test("two plans that store their weights alike share every byte of them", async () => {
  const counted = countBuffers(await nullDevice());
  const weights = await uploadWeights(counted.open, SMALL, sourceFor(SMALL));
  assert.is(counted.bytes(), weightBytes(SMALL));
  assert.is(weights.bufferBytes, weightBytes(SMALL));
  const plans = [await LoadedPlan.load(SMALL, weights), await LoadedPlan.load(SPLIT, weights)];
  assert.is(counted.bytes(), plans.reduce((n, p) => n + p.bufferBytes, 0) + weightBytes(SMALL));
  for (const plan of plans) plan.close();
  weights.close();
  assert.equal(counted.labels(), []);
  assert.equal(counted.twice, []);
});

test("are freed with the last that needs them, whoever that is", async () => {
  const counted = countBuffers(await nullDevice());
  for (const order of [
    ["a", "b", "weights"],
    ["weights", "b", "a"],
    ["b", "weights", "a"],
  ] as const) {
    const weights = await uploadWeights(counted.open, SMALL, sourceFor(SMALL));
    const parts = {
      weights,
      a: await LoadedPlan.load(SMALL, weights),
      b: await LoadedPlan.load(SPLIT, weights),
    };
    for (const [i, name] of order.entries()) {
      assert.ok(counted.bytes() >= weightBytes(SMALL), `${order}: before ${name} is closed they are there`);
      parts[name].close();
      // A second call does nothing, and frees nothing of the others.
      parts[name].close();
      if (i < 2) assert.ok(counted.bytes() >= weightBytes(SMALL), `${order}: after ${name} is closed they are there`);
    }
    assert.equal(counted.labels(), [], String(order));
    assert.ok(weights.closed);
  }
  assert.equal(counted.twice, []);
});

test("closed, they take no more plans and no bytes", async () => {
  const weights = await uploadWeights(await nullDevice(), SMALL, sourceFor(SMALL));
  const loaded = await LoadedPlan.load(SMALL, weights);
  weights.close();
  await rejects(
    LoadedPlan.load(SPLIT, weights),
    /the set of weights of random weights of seed 1 is closed.*hint: close it/s,
  );
  const [weight] = SMALL.weights;
  if (weight) weights.write(weight, new Float32Array(1));
  loaded.close();
  if (weight)
    assert.throws(() => weights.write(weight, new Float32Array(1)), /writing \S+: the set of weights .* is closed/);
});

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "nothing",
    (error) => (error instanceof RuntimeError ? error.code : error),
  );

test("refuses a plan that wants another storage, with the weight, both storages and the way out", async () => {
  const counted = countBuffers(await nullDevice());
  const weights = await uploadWeights(counted.open, SMALL, sourceFor(SMALL));
  const before = counted.labels();
  await rejects(
    LoadedPlan.load(HALF, weights),
    new RegExp(
      [
        "^plan gpt2: wants wte.weight as f16\\[61, 16\\], but the weights of random weights of seed 1 hold wte.weight",
        "as f32\\[61, 16\\]; 9 more of its weights are not there as it wants them\\nhint: compile the plans for one target and",
        "with the same `weights`, or upload the weights for all plans that share them: uploadWeights\\(gpu, \\[a, b\\], source\\)$",
      ].join(" "),
    ),
  );
  assert.is(await codeOf(LoadedPlan.load(HALF, weights)), "bad-option");
  assert.equal(counted.labels(), before, "nothing is left of it");
  weights.close();
  assert.equal(counted.labels(), []);
});

test("refuses a plan that wants another part, or a weight that is not there", async () => {
  const cut = (start: number, size: number): Plan => ({
    ...SMALL,
    weights: SMALL.weights.map((w) =>
      w.name === "wte.weight"
        ? { ...w, shape: [size, 16], recipe: sliceRecipe(tensorRecipe(w.name, w.shape), 0, start, size) }
        : w,
    ),
  });
  const open = await nullDevice();
  const weights = await uploadWeights(open, [cut(0, 40), cut(40, 21)], sourceFor(SMALL));
  await rejects(
    LoadedPlan.load(SMALL, weights),
    /wants wte\.weight as f32\[61, 16\], but .* hold wte\.weight as f32\[40, 16\] = slice\(wte\.weight: f32\[61, 16\], axis=0, start=0, length=40\) and as f32\[21, 16\] = /,
  );
  weights.close();
  const { plan } = compileEntries("other", [{ name: "run", graph: parseGraph(ADD) }]);
  const few = await uploadWeights(open, plan, sourceFor(plan));
  const missing = LoadedPlan.load(SMALL, few);
  await rejects(
    missing,
    /plan gpt2: wants \S+ as f32\[.*, but the weights of .* do not hold \S+; \d+ more .*\nhint: upload/,
  );
  assert.is(await codeOf(LoadedPlan.load(SMALL, few)), "missing-weights");
  few.close();
});

const ADD = "graph g(x: f32[4], weight w: f32[4]) { y = add(x, w) return y }";

test("of several plans, each way of storing a weight is uploaded once", async () => {
  const counted = countBuffers(await nullDevice());
  const weights = await uploadWeights(counted.open, [SMALL, SPLIT, HALF], sourceFor(SMALL));
  const shared = HALF.weights.filter((w) => w.dtype === "f32").map((w) => w.buffer);
  assert.ok(shared.length > 5, "biases and gains stay f32");
  assert.is(counted.made(), SMALL.weights.length + HALF.weights.length - shared.length);
  for (const plan of [SMALL, SPLIT, HALF]) (await LoadedPlan.load(plan, weights)).close();
  weights.close();
  assert.equal(counted.labels(), []);
});

/** Reads as the source does, until the n-th read. */
const failingAfter = (source: WeightSource, reads: number): WeightSource => {
  let left = reads;
  return {
    ...{ place: source.place, tensors: source.tensors, close: () => source.close() },
    read: (...given) =>
      left-- > 0 ? source.read(...given) : Promise.reject(new RuntimeError("disk", "the disk broke")),
  };
};

test("an upload that fails half-way frees what it made: by its source, in a model's load too", async () => {
  const counted = countBuffers(await nullDevice());
  for (const load of [uploadWeights, Model.load.bind(Model)]) {
    await rejects(load(counted.open, SMALL, failingAfter(sourceFor(SMALL), 5)), /the disk broke/);
    assert.equal(counted.labels(), []);
  }
  await rejects(uploadWeights(counted.open, SMALL, { ...sourceFor(SMALL), tensors: new Map() }), /missing/);
  assert.equal(counted.twice, []);
});

test("what was written and never submitted is let go of: the last submit comes when all buffers are destroyed", async () => {
  const open = await nullDevice();
  const counted = countBuffers(open);
  let live: number | undefined;
  const queue = withMethods(open.device.queue, {
    submit: (commands: Iterable<GPUCommandBuffer>) => {
      live = counted.labels().length;
      return open.device.queue.submit(commands);
    },
  });
  const device = withMethods(counted.open.device, { queue });
  for (const load of [uploadWeights, Model.load.bind(Model)]) {
    live = undefined;
    await rejects(load({ ...open, device }, SMALL, failingAfter(sourceFor(SMALL), 5)), /the disk broke/);
    assert.is(live, 0);
  }
});

test("an upload that WebGPU refuses says so, and frees what it made", async () => {
  const open = await nullDevice();
  const large = countBuffers(open, (d) => (d.label === "ln_f.weight_bias" ? { ...d, size: 2 ** 50 } : d));
  for (const load of [uploadWeights, Model.load.bind(Model)]) {
    await rejects(
      load(large.open, SMALL, sourceFor(SMALL)),
      /^plan gpt2: Buffer size .1125899906842624. exceeds.*ln_f\.weight_bias/s,
    );
    assert.equal(large.labels(), []);
  }
  const counted = countBuffers(open);
  let writes = 0;
  const queue = withMethods(open.device.queue, {
    writeBuffer: ((buffer: GPUBuffer, offset: number, data: Uint8Array<ArrayBuffer>) =>
      open.device.queue.writeBuffer(buffer, offset + (++writes === 4 ? 1 : 0), data)) as GPUQueue["writeBuffer"],
  });
  const device = withMethods(counted.open.device, { queue });
  const loading = uploadWeights({ ...open, device }, SMALL, sourceFor(SMALL));
  await rejects(loading, /^loading random weights of seed 1: .*multiple of 4/s);
  assert.equal(counted.labels(), []);
  await open.check("afterwards, nothing else is reported");
});

test("hears of no error but its own", async () => {
  const open = await nullDevice();
  const before = open.device.createBuffer({ label: "another caller's", size: 2 ** 50, usage: GPUBufferUsage.STORAGE });
  const loading = uploadWeights(open, SMALL, sourceFor(SMALL));
  open.device.queue.writeBuffer(before, 0, new Uint8Array(4));
  (await loading).close();
  await rejects(open.check("the other caller"), /^the other caller: .*1125899906842624/s);
});

test("says that the device is lost while they are uploaded, and frees them", async () => {
  const own = await openDawn({ backend: "null" });
  const { open, made, labels } = countBuffers(own);
  const source = sourceFor(SMALL);
  const loading = uploadWeights(open, SMALL, {
    ...{ place: source.place, tensors: source.tensors, close: () => source.close() },
    read: (...given) => {
      if (made() > 0) open.device.destroy();
      return source.read(...given);
    },
  });
  await rejects(loading, /^loading random weights of seed 1: the device was lost/);
  assert.equal(labels(), []);
  own.close();
});

gpuTest("what is written to a weight, every plan on it reads", async (gpu) => {
  const compile = (op: string): Plan =>
    compileEntries(op, [{ name: "run", graph: parseGraph(ADD.replace("add", op)) }]).plan;
  const [a, b] = [compile("add"), compile("mul")];
  const weights = await WeightBuffers.allocate(gpu, [a], { place: "a test" });
  const loaded = [await LoadedPlan.load(a, weights), await LoadedPlan.load(b, weights)];
  const states: SequenceState[] = [];
  for (const plan of loaded) states.push(await plan.sequence());
  const run = () =>
    Promise.all(
      states.map((state) => {
        state.write("x", Float32Array.of(1, 2, 3, 4));
        state.run("run", {});
        const [y] = state.entry("run").outputs;
        return y ? state.read(y, {}) : undefined;
      }),
    );
  assert.equal(
    (await run()).map((y) => [...(y ?? [])]),
    [
      [1, 2, 3, 4],
      [0, 0, 0, 0],
    ],
  );
  const [weight] = b.weights;
  if (weight) weights.write(weight, Float32Array.of(5, 6), 8);
  assert.equal(
    (await run()).map((y) => [...(y ?? [])]),
    [
      [1, 2, 8, 10],
      [0, 0, 15, 24],
    ],
  );
  assert.throws(
    () => states[0]?.write("w", Float32Array.of(1)),
    /buffer w: is a weight, which is no sequence's own\nhint: write to/,
  );
  if (weight)
    assert.throws(
      () => weights.write({ ...weight, dtype: "f16" }, Float32Array.of(1)),
      /writing w: wants w as f16\[4\], but/,
    );
  for (const plan of loaded) plan.close();
  weights.close();
});

test.run();
