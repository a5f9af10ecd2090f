// Bundles as users load them: what runs, which variant, and what is refused with both sides named.
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { nearestMachine } from "../../base/index.ts";
import type { OpenDevice } from "../../runtime/device.ts";
import type { GenerateOptions } from "../../runtime/generate.ts";
import { generate } from "../../runtime/generate.ts";
import { loadBundle } from "../../runtime/index.ts";
import type { LoadOptions } from "../../runtime/load-bundle.ts";
import { adapter, onGpu } from "../support/gpu.ts";
import { EMBEDDED, readReference, withSession } from "../support/models.ts";
import { rejects } from "../support/rejects.ts";
import { assertFails, output, runCli } from "../support/run-cli.ts";
import { sealFolder } from "../support/seal-bundle.ts";

const test = suite("bundle");
const gpuTest = onGpu(test);

const root = mkdtempSync(join(tmpdir(), "wgpt-bundle-"));
test.after(() => rmSync(root, { recursive: true, force: true }));
const packed = join(root, "packed");
const made = adapter && runCli(["compile", EMBEDDED, "--name", "shakespeare", "--pack-weights", "--out", packed]);

const halves = join(root, "halves");
const madeHalves = adapter && runCli(["compile", EMBEDDED, "--dtype", "f16", "--pack-weights", "--out", halves]);

const GREEDY: GenerateOptions = { maxNewTokens: 12, temperature: 0, seed: 0 };
const ROMEO = [858, 25, 198];

async function tokensOf(gpu: OpenDevice, folder: string, weights?: string, options?: LoadOptions): Promise<number[]> {
  const model = await loadBundle(folder, gpu, weights, options);
  const tokens: number[] = [];
  for await (const step of model.generate(ROMEO, GREEDY)) tokens.push(step.token);
  await model.close();
  return tokens;
}

/** A copy of the bundle with one file changed. */
async function broken(name: string, file: string, change: (bytes: Buffer) => Uint8Array | string | undefined) {
  output(await (made ?? Promise.reject(new Error("this test needs a GPU"))));
  const copy = join(root, name);
  cpSync(packed, copy, { recursive: true });
  const bytes = change(readFileSync(join(copy, file)));
  if (bytes === undefined) rmSync(join(copy, file));
  else writeFileSync(join(copy, file), bytes);
  // Meant, and not damaged on the way.
  if (file.endsWith(".json")) await sealFolder(copy);
  return copy;
}

const SHARD = "weights/00001-of-00001.safetensors";
const edited = (from: string | RegExp, to: string) => (bytes: Buffer) => bytes.toString("utf8").replaceAll(from, to);

gpuTest(
  "every variant gives the tokens of the model compiled in memory, from packed weights and from a checkpoint",
  async (gpu) => {
    output(await (made ?? Promise.reject(new Error("this test needs a GPU"))));
    const want = await withSession(gpu, EMBEDDED, {}, async (model) => {
      const tokens: number[] = [];
      for await (const step of generate(model, ROMEO, GREEDY)) tokens.push(step.token);
      return tokens;
    });
    assert.equal(await tokensOf(gpu, packed, undefined, { verify: true }), want);
    assert.equal(await tokensOf(gpu, packed, EMBEDDED), want);
    for (const variant of ["base", "subgroups"])
      assert.equal(await tokensOf(gpu, packed, undefined, { variant }), want);
  },
);

gpuTest("reads halves as f16 or as pairs, with the same tokens", async (gpu) => {
  output(await (madeHalves ?? Promise.reject(new Error("this test needs a GPU"))));
  const want = await tokensOf(gpu, halves, undefined, { variant: "base", verify: true });
  for (const variant of ["f16", "subgroups", "f16-subgroups"])
    if (gpu.device.features.has("shader-f16") && gpu.device.features.has("subgroups"))
      assert.equal(await tokensOf(gpu, halves, undefined, { variant }), want, variant);
});

gpuTest("takes texts, has logits of every position, and says what it runs", async (gpu) => {
  const model = await loadBundle(packed, gpu);
  assert.is(model.variant, gpu.device.features.has("subgroups") ? "subgroups" : "base");
  const [reference] = readReference(EMBEDDED).cases;
  const ids = reference?.ids ?? [];
  const all = await model.appendAll(ids, 1024);
  assert.equal([all.dtype, all.shape], ["f32", [ids.length, 1024]]);
  await model.reset();
  const last = await model.append(ids, [1, 1024]);
  assert.ok(Math.abs((last.data[7] ?? 0) - (all.data[(ids.length - 1) * 1024 + 7] ?? 1)) < 1e-4);
  const stream = model.generate("ROMEO:\n", GREEDY);
  let text = "";
  for await (const step of stream) text += step.text;
  assert.match(text, /^I'll tell thee/);
  await rejects(
    model.append(ids, [1, 50257]),
    /module was made for 50257 logits, but its plan gives 1024.*compile it again/s,
  );
  await model.close();
  await model.close();
  await rejects(model.append(ids, [1, 1024]), /feed: the session is closed.*open another one/s);
  await rejects(model.appendAll(ids, 1024), /feedAll: the session is closed/);
  await rejects(model.reset(), /reset: the session is closed/);
  await rejects(model.generate(ids, GREEDY).next(), /generate: the session is closed/);
});

gpuTest(
  "says once that an adapter has a target of its own, to who listens and else as a warning of the process",
  async (gpu) => {
    const family = nearestMachine(gpu.adapter);
    const said: string[] = [];
    const emitted: string[] = [];
    const emit = (warning: Error) => emitted.push(`${warning.name}: ${warning.message}`);
    process.on("warning", emit);
    const load = async (folder: string, options?: LoadOptions) =>
      (await loadBundle(folder, gpu, undefined, options)).close();
    const onWarning = (message: string) => said.push(message);
    const [heard, unheard] = [
      await broken("heard", "plan.json", (b) => b),
      await broken("unheard", "plan.json", (b) => b),
    ];
    await load(heard, { onWarning });
    await load(heard, { onWarning });
    await load(heard);
    await load(unheard);
    await load(unheard);
    await load(await broken("tuned", "plan.json", edited('"webgpu-default"', `"${family}"`)), { onWarning });
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", emit);
    const count = family === "webgpu-default" ? 0 : 1;
    assert.is(said.length, count);
    assert.is(emitted.length, count);
    for (const message of said)
      assert.match(message, new RegExp(`heard: is compiled for webgpu-default.*compile with --target ${family}$`));
    for (const message of emitted) assert.match(message, /^WgptWarning: .*unheard: is compiled for webgpu-default/);
  },
);

gpuTest("refuses a missing shard, one that is cut off, and with verify one flipped byte", async (gpu) => {
  const gone = await broken("gone", SHARD, () => undefined);
  await rejects(loadBundle(gone, gpu), /00001-of-00001\.safetensors: can't be read: .*whole folder/s);
  const cut = await broken("cut", SHARD, (bytes) => bytes.subarray(0, 1000));
  await rejects(loadBundle(cut, gpu), /00001-of-00001\.safetensors: ends before byte/);
  const flipped = await broken("flipped", SHARD, (bytes) => {
    bytes[bytes.length - 5] = (bytes[bytes.length - 5] ?? 0) ^ 1;
    return bytes;
  });
  await rejects(
    loadBundle(flipped, gpu, undefined, { verify: true }),
    /its SHA-256 is [0-9a-f]{64}, but weights.json says [0-9a-f]{64}.*copy the bundle again/s,
  );
});

gpuTest("--check --verify compares the weights' hashes too", async () => {
  assert.match(
    output(await runCli(["compile", "--check", packed, "--verify"], { noDriver: true })),
    /: up to date, all \d+ files, and 1 shard of weights\n$/,
  );
  const flipped = await broken("flipped-too", SHARD, (bytes) => {
    bytes[bytes.length - 5] = (bytes[bytes.length - 5] ?? 0) ^ 1;
    return bytes;
  });
  assertFails(await runCli(["compile", "--check", flipped, "--verify"]), /its SHA-256 is .*, but weights.json says/);
});

gpuTest(
  "refuses another format version, and limits and features that the adapter lacks, naming both sides",
  async (gpu) => {
    const older = await broken("older", "plan.json", edited('"version": 2', '"version": 1'));
    await rejects(
      loadBundle(older, gpu),
      /plan.json: its format is version 1, but this runtime reads 2.*compile it again/s,
    );
    const other = await broken("other", "weights.json", edited("wgpt-weights", "tgz"));
    await rejects(loadBundle(other, gpu), /weights.json: does not say that it is wgpt-weights/);
    const large = await broken(
      "large",
      "plan.json",
      edited(/"maxBufferSize": \d+/g, '"maxBufferSize": 99999999999999'),
    );
    await rejects(
      loadBundle(large, gpu),
      /can't run it: base needs maxBufferSize 99999999999999, but .* offers \d+; subgroups needs .*another target/s,
    );
    const exotic = await broken(
      "exotic",
      "plan.json",
      edited('"subgroups"\n', '"chromium-experimental-subgroup-matrix"\n'),
    );
    const model = await loadBundle(exotic, gpu);
    assert.is(model.variant, "base", "a variant that the adapter can't run is passed over");
    await model.close();
    await rejects(
      loadBundle(exotic, gpu, undefined, { variant: "subgroups" }),
      /subgroups needs chromium-experimental-subgroup-matrix, but .* has not/,
    );
    await rejects(
      loadBundle(exotic, gpu, undefined, { variant: "f64" }),
      /has no variant f64.*it has base, subgroups/s,
    );
  },
);

gpuTest("refuses a folder that is no bundle, and one without weights when none are given", async (gpu) => {
  await rejects(loadBundle(root, gpu), /plan.json: can't be read/);
  const bare = await broken("bare", "weights.json", (bytes) => {
    const { shards: _, ...map } = JSON.parse(bytes.toString("utf8"));
    return JSON.stringify(map);
  });
  await rejects(loadBundle(bare, gpu), /holds no weights, and none were given.*--pack-weights/s);
  const text = await broken("text", "plan.json", () => "{");
  await rejects(loadBundle(text, gpu), /plan.json: is no JSON/);
});

gpuTest("refuses files that are not what the schema says, with the place in them", async (gpu) => {
  const problems: readonly (readonly [file: string, from: RegExp, to: string, message: RegExp])[] = [
    [
      "plan.json",
      /"per": \d+/,
      '"per": "x"',
      /plan\.json variants\[\d\]\.entries\[\d\]\.steps\[\d+\]\.workgroups\[\d\]\[\d\]\.per: .*string.*integer/,
    ],
    ["plan.json", /"n_ctx": \d+/, '"n_ctx": 0', /plan\.json model\.n_ctx: 0 is less than 1/],
    [
      "plan.json",
      /"requiredFeatures": \[\]/,
      '"requiredFeatures": [{}]',
      /variants\[0\]\.requiredFeatures\[0\]: .*object.*string/,
    ],
    ["plan.json", /"usesSymbols": \w+/, '"usesSymbol": true', /variants\[0\]\.kernels\[0\]/],
    ["plan.json", /"file": "kernels\//, '"file": "../', /variants\[0\]\.kernels\[0\]\.file: /],
    ["plan.json", /"file": "kernels\//, '"file": "/etc/', /variants\[0\]\.kernels\[0\]\.file: /],
    ["plan.json", /"file": "kernels\//, '"file": "kernels/../../', /variants\[0\]\.kernels\[0\]\.file: /],
    ["plan.json", /"file": "kernels\//, '"file": "https://example.com/', /variants\[0\]\.kernels\[0\]\.file: /],
    ["plan.json", /"tokenizer.json"/, '"../tokenizer.json"', /tokenizer\[0\]\.file: /],
    ["weights.json", /"file": "weights/, '"file": "..', /shards\[0\]\.file: /],
    ["weights.json", /"dtype": "f32"/, '"dtype": "q4"', /weights\.json tensors\[0\]\.dtype: /],
    ["weights.json", /"sha256": \[\s+"\w+"/, '"sha256": ["?"', /weights\.json shards\[0\]\.sha256\[0\]: /],
  ];
  const linked = await broken("linked", "plan.json", (bytes) => bytes);
  const [kernel = ""] = readdirSync(join(linked, "kernels"));
  const outside = join(root, "outside.wgsl");
  renameSync(join(linked, "kernels", kernel), outside);
  symlinkSync(outside, join(linked, "kernels", kernel));
  await rejects(loadBundle(linked, gpu), /leads to .*outside\.wgsl, outside the bundle/);
  for (const [i, [file, from, to, message]] of problems.entries()) {
    const folder = await broken(`schema-${i}`, file, (bytes) => bytes.toString("utf8").replace(from, to));
    await rejects(loadBundle(folder, gpu), message);
  }
});

test.run();
