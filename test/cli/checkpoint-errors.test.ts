// Everything that can be wrong with a checkpoint's folder: one line that names the place, and no GPU is touched before.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { platform, tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Files, seededCheckpoint } from "../support/made-models.ts";
import { f32, rawSafetensors } from "../support/make-safetensors.ts";
import { assertFails, runCli } from "../support/run-cli.ts";
import { skipUnless } from "../support/skip.ts";

const test = suite("checkpoint-errors");

const root = mkdtempSync(join(tmpdir(), "wgpt-errors-"));
test.after(() => rmSync(root, { recursive: true }));

const CONFIG = { n_layer: 1, n_head: 1, n_embd: 6, n_ctx: 8, vocab_size: 5 };
const good = seededCheckpoint(CONFIG);
const weights = good["model.safetensors"] as Uint8Array;
const configured = (change: Readonly<Record<string, unknown>>): Files => ({
  ...good,
  "config.json": JSON.stringify({ model_type: "gpt2", ...CONFIG, ...change }),
});
const without = (name: string): Files => Object.fromEntries(Object.entries(good).filter(([file]) => file !== name));
const headed = (header: object, bytes: number): Files => ({
  ...good,
  "model.safetensors": rawSafetensors(header, bytes),
});

const CASES: Readonly<Record<string, readonly [files: Files, message: RegExp]>> = {
  "a truncated file of weights": [
    { ...good, "model.safetensors": weights.subarray(0, weights.length - 100) },
    /model\.safetensors.* bytes/,
  ],
  "a file of weights cut inside its header": [
    { ...good, "model.safetensors": weights.subarray(0, 20) },
    /model\.safetensors.*header/,
  ],
  "an empty file of weights": [{ ...good, "model.safetensors": new Uint8Array() }, /model\.safetensors/],
  "a header whose offsets lead out of the file": [
    headed({ "wte.weight": { dtype: "F32", shape: [5, 6], data_offsets: [0, 9000] } }, 120),
    /wte\.weight.*9000/,
  ],
  "a header whose offsets overlap": [
    headed(
      {
        a: { dtype: "F32", shape: [4], data_offsets: [0, 16] },
        b: { dtype: "F32", shape: [4], data_offsets: [8, 24] },
      },
      24,
    ),
    /model\.safetensors/,
  ],
  "a header whose shape is not what the offsets hold": [
    headed({ "wte.weight": { dtype: "F32", shape: [500, 6], data_offsets: [0, 120] } }, 120),
    /wte\.weight.*120/,
  ],
  "a header that is no JSON": [
    { ...good, "model.safetensors": rawSafetensors("{ this is no header }") },
    /model\.safetensors.*JSON/,
  ],
  "a folder without config.json": [without("config.json"), /config\.json: can't be read/],
  "a folder without weights": [without("model.safetensors"), /has no model\.safetensors/],
  "a config.json that is no JSON": [{ ...good, "config.json": "n_layer: 1" }, /config\.json: is no JSON/],
  "a config.json that is a list": [{ ...good, "config.json": "[1]" }, /config\.json: is not a JSON object/],
  "a config without n_layer": [configured({ n_layer: null }), /n_layer or num_hidden_layers is missing/],
  "a head count that does not divide the width": [configured({ n_head: 4 }), /n_embd is 6, but n_head is 4/],
  "a context longer than the table of positions": [
    configured({ n_positions: 9 }),
    /wpe\.weight: has the shape \[8, 6\], but the model wants \[9, 6\]/,
  ],
  "an unknown activation": [configured({ activation_function: "swish" }), /activation_function is "swish".*gelu_new/],
  "cross-attention": [configured({ add_cross_attention: true }), /add_cross_attention is true/],
  "another architecture": [configured({ model_type: "llama" }), /model_type is "llama".*wgpt compiles gpt2/],
  "a missing tensor": [
    seededCheckpoint(CONFIG, { change: (name, t) => (name === "h.0.ln_2.bias" ? undefined : t) }),
    /1 are missing: h\.0\.ln_2\.bias/,
  ],
  "a tensor of another shape": [
    seededCheckpoint(CONFIG, { change: (name, t) => (name === "wpe.weight" ? f32([7, 6]) : t) }),
    /wpe\.weight: has the shape \[7, 6\], but the model wants \[8, 6\]/,
  ],
  "a transposed matrix": [
    seededCheckpoint(CONFIG, { change: (name, t) => (name.endsWith("c_fc.weight") ? f32([24, 6]) : t) }),
    /c_fc\.weight: has the shape \[24, 6\].*exactly the transpose/,
  ],
  "weights that are integers": [
    seededCheckpoint(CONFIG, {
      change: (name, t) => (name === "ln_f.bias" ? { dtype: "I32", shape: [6], data: new Int32Array(6) } : t),
    }),
    /ln_f\.bias: is stored as I32/,
  ],
  "a bias of the head": [
    seededCheckpoint(CONFIG, { extra: { "lm_head.bias": f32([5]) } }),
    /holds lm_head\.bias, but the graph is a decoder whose head has no bias/,
  ],
  "weights of cross-attention": [
    seededCheckpoint(CONFIG, { extra: { "h.0.crossattention.c_attn.weight": f32([6, 12]) } }),
    /holds h\.0\.crossattention/,
  ],
};

const runs = Object.entries(CASES).map(([name, [files, message]], i) => {
  const folder = join(root, String(i));
  mkdirSync(folder);
  for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, file), content);
  // Without a driver: whoever touched the GPU first would complain about that instead.
  const command = i % 2 === 0 ? "score" : "generate";
  return { name, message, run: runCli([command, "--model", folder, "--tokens", "1,2"], { noDriver: true }) };
});

for (const { name, message, run } of runs)
  test(`${name} is refused in one line`, async () => assertFails(await run, message));

skipUnless(
  test,
  platform() !== "win32",
  "Windows lets few users make links",
)("a model that can't be looked at is not one that is not there", async () => {
  symlinkSync("circle", join(root, "circle"));
  for (const name of ["circle", "deep".repeat(100)])
    assertFails(
      await runCli(["inspect", join(root, name, "model")]),
      /model: can't be read: (too many symbolic links encountered|name too long) \(give a folder that you may read\)/,
    );
});

const others = {
  nowhere: runCli(["generate", "--model", join(root, "nowhere"), "x"], { noDriver: true }),
  preset: runCli(["generate", "--model", "gpt2-xl", "x"], { noDriver: true }),
  noAdapter: runCli(["generate", "x"], { noDriver: true }),
  debug: runCli(["generate", "--model", "gpt2-xl", "x", "--debug"], { noDriver: true }),
};

test("a folder that is not there is refused in one line", async () =>
  assertFails(await others.nowhere, /nowhere: there is no such folder, and no preset/));

test("a preset is refused as a model to run, for it has no weights", async () =>
  assertFails(await others.preset, /gpt2-xl: is a preset, which has no weights/));

skipUnless(
  test,
  platform() === "linux",
  "only Linux lets a process go without its driver",
)("without an adapter a command names the one that helps", async () =>
  assertFails(await others.noAdapter, /finds no adapter.*run `wgpt doctor`/),
);

test("--debug adds the stack", async () => {
  const { code, stderr } = await others.debug;
  assert.is(code, 1);
  assert.match(stderr, /^wgpt: gpt2-xl: is a preset/);
  assert.match(stderr, /\n {4}at .*open-model\.[jt]s:\d+/);
});

test.run();
