// One loaded plan, several sequences; several plans, one copy of the weights: each gives what it gives alone, costs what is
// said, and leaves nothing behind.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Plan } from "../../base/plan.ts";
import { compileEntries } from "../../codegen/compile.ts";
import { compileGpt2 } from "../../codegen/compile-gpt2.ts";
import { targetByName, targetForAdapter } from "../../codegen/target.ts";
import { readGpt2Config } from "../../ir/models/gpt2/config.ts";
import { parseGraph } from "../../ir/parse.ts";
import { openDawn } from "../../runtime/dawn.ts";
import type { OpenDevice } from "../../runtime/device.ts";
import { Executor } from "../../runtime/executor.ts";
import { generate } from "../../runtime/generate.ts";
import { LoadedPlan } from "../../runtime/loaded-plan.ts";
import { memoryNeed } from "../../runtime/memory.ts";
import { Model } from "../../runtime/model.ts";
import type { Session } from "../../runtime/session.ts";
import { openCheckpoint } from "../../runtime/weights/file-source.ts";
import { openRandomWeights } from "../../runtime/weights/random.ts";
import { sourcesOf } from "../../runtime/weights/storage.ts";
import { uploadWeights } from "../../runtime/weights/upload-weights.ts";
import { WeightBuffers } from "../../runtime/weights/weight-buffers.ts";
import { countBuffers, withMethods } from "../support/count-buffers.ts";
import { nullDevice, onGpu } from "../support/gpu.ts";
import { EMBEDDED, readConfig } from "../support/models.ts";
import { rejects } from "../support/rejects.ts";

const test = suite("loaded plan");
const gpuTest = onGpu(test);

const CONFIG = readGpt2Config({ n_layer: 2, n_head: 2, n_embd: 16, n_ctx: 24, vocab_size: 61 });
const compile = (disable: readonly string[] = []): Plan =>
  compileGpt2(CONFIG, { target: targetByName("webgpu-default"), chunk: 4, disable }).plan;
const PLAN = compile();
const upload = (open: OpenDevice, plan = PLAN): Promise<WeightBuffers> =>
  uploadWeights(open, plan, openRandomWeights(sourcesOf(plan.weights), 1, "F32"));

const PROMPT = [858, 25, 198, 40, 455, 701];
const SAMPLING = { maxNewTokens: 12, temperature: 0.9, topK: 30, seed: 5 };

async function tokensOf(session: Session, prompt: readonly number[], seed: number): Promise<number[]> {
  const tokens: number[] = [];
  for await (const { token } of generate(session, prompt, { ...SAMPLING, seed })) tokens.push(token);
  return tokens;
}

gpuTest("two plans on one copy of the weights give what each gives alone, to the bit", async (gpu) => {
  const target = targetForAdapter(gpu.adapter);
  const plans = [[], ["fuse-pointwise", "fuse-gelu"]].map(
    (disable) => compileGpt2(readConfig(EMBEDDED), { target, disable }).plan,
  );
  const source = await openCheckpoint(EMBEDDED);
  const results = async (session: Session) => {
    const tokens = await tokensOf(session, PROMPT, 5);
    const { tokens: scored } = await session.score([...PROMPT, ...tokens]);
    await session.reset();
    return { tokens, scored, logits: [...(await session.feed(PROMPT))] };
  };
  const alone = [];
  for (const plan of plans) {
    const model = await Model.load(gpu, plan, source);
    alone.push(await results(await model.session()));
    await model.close();
  }
  assert.not.equal(alone[0]?.logits, alone[1]?.logits, "they are two");

  const weights = await uploadWeights(gpu, plans[0] ?? PLAN, source);
  await source.close();
  const sessions = [];
  for (const plan of plans) sessions.push(await Model.on(await LoadedPlan.load(plan, weights)).session());
  assert.equal(await Promise.all(sessions.map(results)), alone, "both at once");
  for (const session of sessions) session.close();
  weights.close();
});

gpuTest("sequences that take turns step by step give the tokens that each gives alone", async (gpu) => {
  const { plan } = compileGpt2(readConfig(EMBEDDED), { target: targetForAdapter(gpu.adapter), chunk: 4 });
  const source = await openCheckpoint(EMBEDDED);
  const weights = await uploadWeights(gpu, plan, source);
  await source.close();
  const loaded = await LoadedPlan.load(plan, weights);
  const jobs = [0, 1, 2, 3].map((i) => ({ prompt: PROMPT.map((id) => (id * (i + 1)) % 1023), seed: i }));
  const model = Model.on(loaded);
  const alone = [];
  for (const { prompt, seed } of jobs) {
    const session = await model.session();
    alone.push(await tokensOf(session, prompt, seed));
    session.close();
  }
  assert.is(new Set(alone.map(String)).size, jobs.length, "they differ");

  const sessions = await Promise.all(jobs.map(() => model.session()));
  const streams = jobs.map(({ prompt, seed }, i) =>
    (sessions[i] as Session).generate(prompt, { ...SAMPLING, seed, ahead: i + 1 }),
  );
  const tokens: number[][] = jobs.map(() => []);
  for (let running = true; running; ) {
    // All of a round at once, so that their prompts' chunks and their steps lie between each other in the queue.
    const round = await Promise.all(streams.map((stream) => stream.next()));
    running = round.some((step) => !step.done);
    for (const [i, step] of round.entries()) if (!step.done) tokens[i]?.push(step.value.token);
  }
  assert.equal(tokens, alone);
  await model.close();
  loaded.close();
  weights.close();
});

gpuTest("queued in turn before any is read, calls with symbols of their own keep them", async (gpu) => {
  const text = "graph g[T, P>=0](x: f32[1]) { a = iota(start=P, length=T) f = cast(a, to=f32) y = add(f, x) return y }";
  const graph = parseGraph(text);
  const { plan } = compileEntries("g", [{ name: "run", graph, maxima: { T: 4, P: 9 } }]);
  const weights = await WeightBuffers.allocate(gpu, [plan], { place: "a test" });
  const loaded = await LoadedPlan.load(plan, weights);
  const states = await Promise.all([1, 2, 3].map(() => loaded.sequence()));
  const [y] = loaded.entry("run").outputs;
  states.forEach((state, i) => {
    state.write("x", Float32Array.of(100 * i));
  });
  const reads = [0, 1, 2, 0, 1, 2].map((i, call) => {
    const T = (call % 4) + 1;
    return states[i]?.runAndRead("run", { T, P: call }, { buffer: y?.buffer ?? "", offset: 0, size: 4 * T });
  });
  const found = (await Promise.all(reads)).map((bytes) => [...new Float32Array(bytes ?? new ArrayBuffer(0))]);
  assert.equal(found, [[0], [101, 102], [202, 203, 204], [3, 4, 5, 6], [104], [205, 206]]);
  loaded.close();
  weights.close();
});

test("a second sequence and a second plan cost what memoryNeed says, and no weights", async () => {
  const counted = countBuffers(await nullDevice());
  const need = memoryNeed(PLAN);
  const lasting = (n: typeof need) => n.total - n.upload - n.readBack;
  const weights = await upload(counted.open);
  const loaded = await LoadedPlan.load(PLAN, weights);
  const first = await loaded.sequence();
  assert.is(counted.bytes(), lasting(need));
  const one = counted.bytes();

  const second = await loaded.sequence();
  assert.is(counted.bytes() - one, second.bufferBytes);
  assert.is(counted.bytes(), lasting(memoryNeed(PLAN, { sequences: 2 })));
  assert.is(memoryNeed(PLAN, { sequences: 2 }).weights, need.weights);
  // Read back, each through a buffer of its own.
  for (const state of [first, second]) {
    for (let i = 0; i < 3; i++)
      await state.runAndRead("decode", { P: i }, { buffer: "logits", offset: 0, size: 4 * 61 });
    const logits = state.entry("logits").outputs[0];
    if (logits) await state.read(logits, { T: 4, P: 0 });
  }
  const two = memoryNeed(PLAN, { sequences: 2 });
  assert.is(counted.bytes(), two.total - two.upload);
  assert.is(two.total - need.total, second.bufferBytes + need.readBack);

  const before = counted.bytes();
  const other = compile(["fuse-pointwise"]);
  const sharing = await LoadedPlan.load(other, weights);
  await sharing.sequence();
  const shared = memoryNeed(other, { sharesWeights: true });
  assert.is(counted.bytes() - before, lasting(shared));
  assert.equal([shared.weights, shared.upload], [0, 0]);
  loaded.close();
  sharing.close();
  weights.close();
  assert.equal(counted.labels(), []);
  assert.equal(counted.twice, []);
});

test("a sequence frees its own buffers; a plan its sequences', and nothing of the weights", async () => {
  const counted = countBuffers(await nullDevice());
  const weights = await upload(counted.open);
  const loaded = await LoadedPlan.load(PLAN, weights);
  const without = counted.labels();
  const [a, b] = [await loaded.sequence(), await loaded.sequence()];
  await a.readBytes("logits", 4);
  a.close();
  a.close();
  assert.ok(a.closed && !b.closed);
  await b.readBytes("logits", 4);
  const waiting = b.runAndRead("decode", { P: 0 }, { buffer: "logits", offset: 0, size: 4 });
  loaded.close();
  assert.ok(b.closed && loaded.closed);
  await rejects(waiting, /running decode: the sequence of plan gpt2 is closed/);
  assert.equal(
    counted.labels(),
    without.filter((label) => label !== "symbols"),
  );
  weights.close();
  assert.equal(counted.labels(), []);
  assert.equal(counted.twice, []);
});

test("used after it is closed, each says so", async () => {
  const weights = await upload(await nullDevice());
  const loaded = await LoadedPlan.load(PLAN, weights);
  const state = await loaded.sequence();
  const model = Model.on(loaded);
  const session = await model.session();
  const late = loaded.sequence();
  loaded.close();
  await rejects(late, /sequence: the plan gpt2 is closed\nhint: load it again/);
  await rejects(loaded.sequence(), /sequence: the plan gpt2 is closed/);
  await rejects(model.session(), /the plan gpt2 is closed/);
  await rejects(session.feed([1]), /the session is closed/);
  const closed = /the sequence of plan gpt2 is closed\nhint: make another one/;
  assert.throws(() => state.run("decode", { P: 0 }), closed);
  assert.throws(() => state.write("tokens", Int32Array.of(1)), closed);
  await rejects(state.runAndRead("decode", { P: 0 }, { buffer: "tokens", offset: 0, size: 4 }), closed);
  await rejects(state.readBytes("tokens", 4), closed);
  await model.close();
  await rejects(model.session(), /session: the model is closed\nhint: load it again/);
  weights.close();
});

test("an executor and a model free all that they made, and a load that fails too", async () => {
  const open = await nullDevice();
  const counted = countBuffers(open);
  const executor = await Executor.create(counted.open, PLAN);
  await executor.readBytes("logits", 4);
  executor.destroy();
  assert.equal(counted.labels(), []);
  const source = openRandomWeights(sourcesOf(PLAN.weights), 1, "F32");
  const model = await Model.load(counted.open, PLAN, source);
  await (await model.session()).feed([1, 2, 3]);
  await model.close();
  await model.close();
  assert.equal(counted.labels(), []);

  const bad = { ...PLAN, kernels: PLAN.kernels.map((k) => ({ ...k, wgsl: k.wgsl.replace("fn main", "fn mian") })) };
  const withSession = (model: Model) => model.session().finally(() => model.close());
  const large = countBuffers(open, (d) => (d.label === "logits" ? { ...d, size: 2 ** 50 } : d));
  for (const load of [
    () => Executor.create(counted.open, bad),
    () => Model.load(counted.open, bad, source),
    () => Executor.create(large.open, PLAN),
    () => Model.load(large.open, PLAN, source).then(withSession),
  ])
    await rejects(load(), /kernel|exceeds/);
  assert.equal([...counted.labels(), ...large.labels()], []);
  assert.equal([...counted.twice, ...large.twice], []);
});

test("a sequence that WebGPU refuses leaves the plan and the others as they were", async () => {
  let tooLarge = false;
  const counted = countBuffers(await nullDevice(), (d) =>
    tooLarge && d.label === "logits" ? { ...d, size: 2 ** 50 } : d,
  );
  const weights = await upload(counted.open);
  const loaded = await LoadedPlan.load(PLAN, weights);
  const state = await loaded.sequence();
  const before = counted.labels();
  tooLarge = true;
  await rejects(loaded.sequence(), /^plan gpt2: Buffer size .* exceeds/);
  assert.equal(counted.labels(), before);
  await state.readBytes("logits", 4);
  loaded.close();
  weights.close();
});

test("loads at the same time on one device hear of their own errors each", async () => {
  const open = await nullDevice();
  const plans = [0, 1, 2, 3].map((i): Plan => ({ ...PLAN, name: `plan-${i}` }));
  for (const broken of plans.keys()) {
    const results = await Promise.allSettled(
      plans.map(async (plan, i) => {
        const counted = countBuffers(open, (d) => (i === broken && d.label === "logits" ? { ...d, size: 2 ** 50 } : d));
        const executor = await Executor.create(counted.open, plan);
        executor.destroy();
      }),
    );
    results.forEach((result, i) => {
      assert.is(result.status, i === broken ? "rejected" : "fulfilled", `${i}, where ${broken} is broken`);
      if (result.status === "rejected") assert.match(String(result.reason), `plan plan-${broken}: Buffer size`);
    });
  }
  await open.check("afterwards, nothing is left to report");
});

test("a read that fails by another's error frees its staging buffer", async () => {
  const own = await openDawn({ backend: "null", quiet: true });
  const counted = countBuffers(own);
  const executor = await Executor.create(counted.open, PLAN);
  const before = counted.labels();
  own.device.createBuffer({ size: 2 ** 50, usage: GPUBufferUsage.STORAGE });
  await rejects(executor.readBytes("logits", 4), /reading logits: Buffer size/);
  assert.equal(counted.labels(), before);
  executor.destroy();
  own.close();
});

test("says that the device is lost while a plan is loaded", async () => {
  const own = await openDawn({ backend: "null" });
  const weights = await upload(own);
  const device = withMethods(own.device, {
    createShaderModule: (descriptor: GPUShaderModuleDescriptor) => {
      own.device.destroy();
      return own.device.createShaderModule(descriptor);
    },
  });
  const lost = await WeightBuffers.allocate({ ...own, device }, [PLAN], { place: "a test" });
  await rejects(LoadedPlan.load(PLAN, lost), /lost/);
  weights.close();
  own.close();
});

gpuTest("two executors on one copy of the weights give what each gives alone", async (gpu) => {
  const plans = [compile(), compile(["fuse-pointwise", "fuse-gelu"])];
  const logitsOf = async (plan: Plan, weights: WeightBuffers): Promise<number[]> => {
    const executor = await Executor.create(gpu, plan, weights);
    const output = executor.entry("decode").outputs[0];
    if (!output) throw new Error("decode has no result");
    executor.run("decode", { P: 0 });
    const logits = [...(await executor.read(output, { T: 1, P: 0 }))];
    executor.destroy();
    return logits;
  };
  const shared = await upload(gpu);
  const together = [];
  for (const plan of plans) together.push(await logitsOf(plan, shared));
  // An executor that is freed leaves them to the others.
  assert.not.ok(shared.closed);
  for (const [i, plan] of plans.entries()) {
    const alone = await upload(gpu, plan);
    assert.equal(await logitsOf(plan, alone), together[i]);
    alone.close();
  }
  shared.close();
});

test("an executor refuses weights that are on another device", async () => {
  const [open, other] = [await nullDevice(), await openDawn({ backend: "null" })];
  try {
    const weights = await upload(other);
    await rejects(Executor.create(open, PLAN, weights), /plan \S+: is for one device, but its weights are on another/);
    weights.close();
  } finally {
    other.close();
  }
});

test.run();
