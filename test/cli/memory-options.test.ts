// --dtype and --context: what they change, what they leave alone, and what they refuse.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkCheckpoint, chooseDType } from "../../engine/check-checkpoint.ts";
import { readGpt2Config } from "../../ir/index.ts";
import { gpt2 } from "../../ir/models/gpt2/family.ts";
import { openCheckpoint } from "../../runtime/index.ts";
import { adapter, onGpu } from "../support/gpu.ts";
import { type CheckpointOptions, seededCheckpoint } from "../support/made-models.ts";
import { f32, inFolder } from "../support/make-safetensors.ts";
import { EMBEDDED, readReference } from "../support/models.ts";
import { assertFails, output, runCli } from "../support/run-cli.ts";

const test = suite("memory options");
const gpuTest = onGpu(test);

const CONFIG = { n_layer: 1, n_head: 1, n_embd: 6, n_ctx: 8, vocab_size: 5 };

const root = mkdtempSync(join(tmpdir(), "wgpt-memory-"));
test.after(() => rmSync(root, { recursive: true }));
for (const [name, content] of Object.entries(seededCheckpoint(CONFIG, { dtype: "F16" })))
  writeFileSync(join(root, name), content);

const onAdapter = (...args: readonly string[]) => (adapter ? runCli(args) : undefined);
const result = async (run: ReturnType<typeof onAdapter>) => {
  const done = await run;
  if (!done) throw new Error("this test needs a GPU");
  return done;
};

const greedy = ["ROMEO:\n", "--temperature", "0", "--max-new-tokens", "8", "--json"];
const runs = {
  short: onAdapter("generate", ...greedy, "--context", "11"),
  full: onAdapter("generate", ...greedy, "--context", "5"),
  half: onAdapter("score", "--tokens", "858,25,198,40", "--dtype", "f16", "--json"),
  whole: onAdapter("score", "--tokens", "858,25,198,40", "--json"),
  limited: onAdapter("generate", "x", "--memory-limit", "10MiB"),
} as const;
const others = {
  plan: runCli(["inspect", EMBEDDED, "--dtype", "f16", "--context", "64", "--json"]),
  fromFile: runCli(["inspect", root, "--stage", "plan", "--json"]),
  widened: runCli(["inspect", root, "--stage", "plan", "--json", "--dtype", "f32"]),
  memory: runCli(["inspect", EMBEDDED, "--memory", "--dtype", "f16", "--context", "64"]),
  memoryOfScore: runCli(["inspect", EMBEDDED, "--memory", "--entry", "logits", "--json"]),
  long: runCli(["generate", "x", "--context", "257"], { noDriver: true }),
  bundle: runCli(["compile", "gpt2", "--context", "1025", "--out", join(root, "bundle")]),
} as const;

gpuTest("--context changes no text that fits, and ends one that does not", async () => {
  const { continuation } = readReference(EMBEDDED).greedy[0] ?? {};
  const fits = JSON.parse(output(await result(runs.short)));
  assert.equal(fits.tokens, continuation?.slice(0, 8));
  const cut = JSON.parse(output(await result(runs.full)));
  assert.equal([cut.finish, cut.tokens], ["context", continuation?.slice(0, 3)]);
});

gpuTest("--dtype f16 rounds the matrices of an f32 file, and nothing more", async () => {
  const [half, whole] = [JSON.parse(output(await result(runs.half))), JSON.parse(output(await result(runs.whole)))];
  assert.not.equal(half.log_probabilities, whole.log_probabilities);
  // Weights are off by 2^-11 of themselves at most.
  half.log_probabilities.forEach((p: number, i: number) => {
    assert.ok(Math.abs(p - whole.log_probabilities[i]) < 0.02, `${p}, but ${whole.log_probabilities[i]} in f32`);
  });
});

test("caches shrink with --context, matrices with --dtype, and the table of positions stays whole", async () => {
  const { bytes, config, parameters } = JSON.parse(output(await others.plan));
  assert.equal([config.n_ctx, config.n_positions], [64, 256]);
  assert.is(parameters, 1353728);
  assert.is(bytes.states, 2 * 6 * 64 * 128 * 4 + 65 * 4);
  const vectors = 2 * 128 + 6 * (4 * 128 + 3 * 128 + 128 + 512 + 128);
  assert.is(bytes.weights, 2 * (parameters - vectors) + 4 * vectors);
});

gpuTest("--memory-limit refuses a model that needs more, and says what would fit", async () =>
  assertFails(
    await result(runs.limited),
    /memory: needs \S+ MiB: weights \S+ MiB, .*, but --memory-limit allows 10\.0 MiB \(--dtype f16 .*\)/,
  ),
);

test("inspect --memory lists the memory by kind, and the largest buffers", async () => {
  const lines = output(await others.memory).split("\n");
  assert.match(lines[0] ?? "", / as f16 with a context of 64, for prefill and decode on webgpu-default$/);
  assert.equal(
    lines.slice(1, 9).map((line) => line.replace(/ +\S+ (bytes|[KMG]iB)$/, "").trim()),
    ["weights", "caches", "activations", "inputs and outputs", "read-back", "upload", "all", "largest buffers"],
  );
  assert.match(lines[9] ?? "", /^ {2}\S+ +\d.* [KM]iB {2}weight$/);
});

test("inspect --memory --entry --json counts what that entry point takes, in bytes", async () => {
  const { bytes, largest, ...facts } = JSON.parse(output(await others.memoryOfScore));
  assert.equal(facts, { model: EMBEDDED, entries: ["logits"], target: "webgpu-default", dtype: "f32", context: 256 });
  const { total, ...parts } = bytes;
  assert.is(
    Object.values(parts).reduce((a: number, b) => a + Number(b), 0),
    total,
  );
  assert.equal(
    [parts.weights, parts.caches, parts.read_back],
    [4 * 1353728, 2 * 6 * 256 * 128 * 4 + 257 * 4, 128 * 1024 * 4],
  );
  assert.is(largest.length, 5);
  assert.ok(largest.every((b: { readonly bytes: number }) => b.bytes <= largest[0].bytes));
});

test("--dtype auto follows the file of a folder that has one", async () => {
  const dtypes = (text: string): string =>
    JSON.parse(text)
      .weights.filter((w: { readonly shape: readonly number[] }) => w.shape.length > 1)
      .map((w: { readonly dtype: string }) => w.dtype)
      .join();
  assert.match(dtypes(output(await others.fromFile)), /^(f16,)+f16$/);
  assert.match(dtypes(output(await others.widened)), /^(f32,)+f32$/);
});

const MATRICES: Readonly<Record<string, readonly [options: CheckpointOptions, dtype: "f16" | "f32"]>> = {
  F32: [{}, "f32"],
  F16: [{ dtype: "F16" }, "f16"],
  "BF16, whose range f16 lacks": [{ dtype: "BF16" }, "f32"],
  "F16 but for one of F32": [{ dtype: "F16", change: (name, t) => (name === "wpe.weight" ? f32([8, 6]) : t) }, "f32"],
  "F16 with vectors of F32": [{ dtype: "F16", change: (name, t) => (name === "ln_f.bias" ? f32([6]) : t) }, "f16"],
};
for (const [name, [options, dtype]] of Object.entries(MATRICES))
  test(`a checkpoint of ${name} lies in memory as ${dtype}`, () =>
    inFolder(seededCheckpoint(CONFIG, options), async (folder) => {
      const model = (name: string) => ({ name, family: gpt2, config: readGpt2Config(CONFIG), isPreset: false });
      const source = await openCheckpoint(folder);
      assert.is((await checkCheckpoint(model(folder), source)).dtype, dtype);
      await source.close();
      assert.is(await chooseDType("auto", model(folder)), dtype);
      assert.is(await chooseDType("auto", model(`${folder}/model.safetensors`)), dtype);
      assert.is(await chooseDType("f16", model(folder)), "f16");
    }));

test("a preset, and a folder without weights, lie in memory as f32", () =>
  inFolder({ "config.json": JSON.stringify(CONFIG) }, async (folder) => {
    const model = { family: gpt2, config: readGpt2Config(CONFIG) };
    assert.is(await chooseDType("auto", { ...model, name: "gpt2", isPreset: true }), "f32");
    assert.is(await chooseDType("auto", { ...model, name: folder, isPreset: false }), "f32");
  }));

test("a context that the model does not have is refused before a GPU is touched", async () => {
  assertFails(await others.long, /context: is to be 257 tokens, but the model's is 256 \(give .* from 1 to 256\)/);
  assertFails(await others.bundle, /context: is to be 1025 tokens, but the model's is 1024/);
});

test.run();
