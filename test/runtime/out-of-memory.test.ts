// Memory that runs out while a model is loaded or a session opened: Dawn's null backend has half a gigabyte for all buffers.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Plan } from "../../base/plan.ts";
import { compileGpt2 } from "../../codegen/compile-gpt2.ts";
import { readGpt2Config } from "../../ir/models/gpt2/config.ts";
import type { OpenDevice } from "../../runtime/device.ts";
import { lostError, RuntimeError } from "../../runtime/errors.ts";
import { openDawn } from "../../runtime/index.ts";
import { memoryNeed, printNeed } from "../../runtime/memory.ts";
import { Model } from "../../runtime/model.ts";
import { ReplaceableDevice } from "../../runtime/replaceable-device.ts";
import { openRandomWeights } from "../../runtime/weights/random.ts";
import { sourcesOf } from "../../runtime/weights/storage.ts";
import { countBuffers } from "../support/count-buffers.ts";

const test = suite("out of memory");

const planOf = (config: object): Plan => compileGpt2(readGpt2Config(config), { entries: ["decode"] }).plan;
const load = (open: OpenDevice, plan: Plan, fail = false): Promise<Model> => {
  const source = openRandomWeights(sourcesOf(plan.weights), 1, "F32");
  const { place, tensors } = source;
  const read = () => Promise.reject(new RangeError("Array buffer allocation failed"));
  return Model.load(open, plan, fail ? { place, tensors, read, close: () => source.close() } : source);
};
const refusal = async (work: Promise<unknown>): Promise<RuntimeError> => {
  const error: unknown = await work.catch((thrown: unknown) => thrown);
  assert.ok(error instanceof RuntimeError, `${error}`);
  return error as RuntimeError;
};

const HEAD = { n_head: 1, n_layer: 1, n_ctx: 16, vocab_size: 50 };
const SMALL = planOf({ ...HEAD, n_embd: 16 });
const MANY_WEIGHTS = planOf({ ...HEAD, n_embd: 1024, n_head: 16, n_layer: 16 });
const LARGE_CACHES = planOf({ ...HEAD, n_embd: 64, n_layer: 20, n_ctx: 60_000 });

for (const [name, plan, needs, fail] of [
  ["the weights", MANY_WEIGHTS, memoryNeed(MANY_WEIGHTS), false],
  ["a session's caches", LARGE_CACHES, memoryNeed(LARGE_CACHES, { sharesWeights: true }), false],
  ["the host's own reads", SMALL, memoryNeed(SMALL), true],
] as const)
  test(`says what was needed where it runs out for ${name}, keeps nothing, and goes on with a smaller model`, async () => {
    const own = await openDawn({ backend: "null" });
    const { open, labels } = countBuffers(own);
    const model = await load(open, plan, fail).catch((error: unknown) => error);
    const error = model instanceof Model ? await refusal(model.session()) : await refusal(Promise.reject(model));
    assert.is(error.code, "out-of-memory");
    assert.ok(error.facts.startsWith(`${printNeed(needs)}, but there is no more memory: `), error.facts);
    assert.match(error.hint ?? "", /a smaller model, a shorter context/);
    if (model instanceof Model) await model.close();
    assert.equal(labels(), []);
    const small = await load(open, SMALL);
    assert.is((await (await small.session()).feed([1])).length, 50);
    await small.close();
    await open.check("afterwards");
    own.close();
  });

test("says what was needed where a driver takes the device away for it, and tries no other one", async () => {
  let opened = 0;
  const why = "vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY";
  const device = new ReplaceableDevice(async () => {
    const open = await openDawn({ backend: "null" });
    opened++;
    const throwIfLost = (place: string): void => {
      if (opened === 1) throw lostError(place, why);
    };
    return { ...open, throwIfLost };
  });
  const loading = device.load((open) => load(open, SMALL));
  const { code, facts } = await refusal(loading);
  assert.is(code, "out-of-memory");
  assert.ok(facts.startsWith(printNeed(memoryNeed(SMALL))), facts);
  assert.match(facts, why);
  assert.is(opened, 1);
  device.close();
});

test.run();
