// Calls with arguments that no type allows: what a program in JavaScript gives, or one that has them from JSON. Each is refused by an
// error of ours, and none is taken for something else.
import { suite } from "uvu";
import { compileModel } from "../../codegen/compile.ts";
import { targetByName } from "../../codegen/target.ts";
import { openModel } from "../../engine/index.ts";
import { readGpt2Config } from "../../ir/models/gpt2/config.ts";
import { gpt2 } from "../../ir/models/gpt2/family.ts";
import {
  loadGraphBundle,
  loadTokenizer,
  Model,
  type OpenDevice,
  openBundle,
  openCheckpoint,
  openDawn,
  openRandomWeights,
} from "../../runtime/index.ts";
import { sourcesOf } from "../../runtime/weights/storage.ts";
import { EMBEDDED } from "../support/models.ts";
import { rejects } from "../support/rejects.ts";

const test = suite("calls with arguments of no type");
let device: OpenDevice;
let model: Model;
/** As a program sees it that has no types. */
// biome-ignore lint/suspicious/noExplicitAny: the test is of what types forbid
type Untyped = any;

const CONFIG = readGpt2Config({ n_layer: 1, n_head: 2, n_embd: 16, n_ctx: 32, vocab_size: 61 });

test.before(async () => {
  // It computes nothing, so that every machine has it: what is refused here is refused before that.
  device = await openDawn({ backend: "null" });
  const { plan } = compileModel(gpt2, CONFIG, { target: targetByName("webgpu-default"), chunk: 4 });
  const loading = { tokenizer: await loadTokenizer(EMBEDDED) };
  model = await Model.load(device, plan, openRandomWeights(sourcesOf(plan.weights), 3, "F32"), loading);
});
test.after(async () => {
  await model.close();
  device.close();
});

/** What a call throws at once is as good a refusal as one that comes later. */
const refused = (call: () => unknown, message: RegExp): Promise<void> =>
  rejects(
    (async () => {
      const result = await call();
      const stream = result as { readonly next?: () => Promise<unknown> } | undefined;
      if (typeof stream?.next === "function") await stream.next();
    })(),
    message,
  );

test("a generation refuses options of another type, by name", async () => {
  const session: Untyped = await model.session();
  const settings = { maxNewTokens: 3, temperature: 0.8, seed: 1 };
  const cases: readonly (readonly [options: object, message: RegExp])[] = [
    [{ temperature: "0.5" }, /temperature is "0.5", but it must be a number/],
    [{ temperature: null }, /temperature is null, but it must be a number/],
    [{ temperature: true }, /temperature is true/],
    [{ temperature: [1] }, /temperature is \[1\]/],
    [{ topP: "0.5" }, /topP is "0.5"/],
    [{ minP: null }, /minP is null/],
    [{ repetitionPenalty: "2" }, /repetitionPenalty is "2"/],
    // Each of its characters would end the text.
    [{ stop: "abc" }, /stop is "abc", but it must be a list of texts/],
    [{ stop: [5] }, /stop is \[5\]/],
    [{ stop: {} }, /stop is \{\}/],
    [{ stopTokens: "5" }, /stopTokens is "5", but it must be a list of token ids/],
    [{ stopTokens: [1.5] }, /stopTokens is \[1.5\]/],
    [{ stopTokens: [-1] }, /stopTokens is \[-1\]/],
    [{ suppressTokens: 5 }, /suppressTokens is 5/],
    // Its signal is what was meant, and nothing would ever end the generation.
    [{ signal: new AbortController() }, /signal is .*, but it must be an AbortSignal/],
    [{ signal: {} }, /signal is \{\}/],
    [{ keep: "no" }, /keep is "no", but it must be true or false/],
    [{ busy: "later" }, /busy is "later", but it must be wait or refuse/],
  ];
  for (const [options, message] of cases)
    await refused(() => session.generate([1], { ...settings, ...options }), message);
  for (const options of [undefined, null, 5]) await refused(() => session.generate([1], options), /generate: is given/);
  for (const prompt of [undefined, 5, {}]) await refused(() => session.generate(prompt, settings), /prompt: is given/);
  await refused(() => session.generate(new Array(2), settings), /token NaN is not in the vocabulary of 61/);
  session.close();
});

test("the other calls of a session refuse what is no list of ids, and options that are none", async () => {
  const session: Untyped = await model.session();
  for (const ids of [undefined, null, 5, {}, "12"]) {
    await refused(() => session.feed(ids), /feed: is given .*, but token ids are a list of numbers/);
    await refused(() => session.feedAll(ids), /feedAll: is given/);
    await refused(() => session.drawAfter(ids, { temperature: 0 }, 1), /drawAfter: is given/);
  }
  await refused(() => session.score(undefined), /text: is given undefined/);
  await refused(() => session.score([1, 2], null), /score: is given null as options/);
  await refused(() => session.score([1, 2], { onLogits: 5 }), /onLogits is 5, but it must be a function/);
  await refused(() => session.drawAfter([1], undefined, 1), /sampler: is given/);
  await refused(() => session.reset(null), /reset: is given null as options/);
  await refused(() => session.takeTurn({ busy: 5 }), /takeTurn: busy is 5/);
  await refused(() => (model as Untyped).session({ busy: 5 }), /session: busy is 5/);
  await refused(() => session.tokenizer.encode(5), /encode: is given 5, but it takes a text/);
  await refused(() => session.tokenizer.decode(undefined), /decode: is given undefined/);
  session.close();
});

test("what opens a model refuses options, devices, weights and places that are none", async () => {
  const open = (options: unknown) => () => (openModel as Untyped)(EMBEDDED, options);
  const cases: readonly (readonly [options: unknown, message: RegExp])[] = [
    [null, /openModel: is given null as options/],
    [5, /openModel: is given 5 as options/],
    [{ dtype: "f8" }, /dtype is "f8", but it must be auto or f32 or f16/],
    [{ memoryLimit: Number.NaN }, /memoryLimit is NaN, but it must be a number from 0 on/],
    [{ onProgress: 5 }, /onProgress is 5, but it must be a function/],
    [{ onWarning: 5 }, /onWarning is 5/],
    [{ gpu: 5 }, /gpu: is 5, but it must be what/],
    [{ gpu: null }, /gpu: is null/],
    [{ gpu: device.device }, /gpu: is a GPUDevice/],
    [{ gpu: { device: device.device } }, /gpu: has a device, but no adapter/],
  ];
  for (const [options, message] of cases) await refused(open(options), message);
  const bundle =
    (...rest: readonly unknown[]) =>
    () =>
      (openBundle as Untyped)("/nowhere", ...rest);
  await refused(bundle(5), /gpu: is 5/);
  await refused(bundle(undefined, 5), /weights: are 5, but they must be/);
  await refused(bundle(undefined, { tensors: 1 }), /weights: are/);
  await refused(bundle(undefined, undefined, { verify: "yes" }), /load: verify is "yes"/);
  await refused(bundle(undefined, undefined, { memoryLimit: Number.NaN }), /load: memoryLimit is NaN/);
  await refused(() => (openDawn as Untyped)({ backend: "nope" }), /openDawn: backend is "nope"/);
  for (const place of [undefined, null, 5, {}, [], "a\0b"])
    for (const call of [openBundle, loadGraphBundle, openCheckpoint, loadTokenizer])
      await refused(() => (call as Untyped)(place), /: is no path|: is no path, and/);
});

test.run();
