// `wgpt compile --check`: that a bundle is compared with the MODEL and the options that are given, and with nothing else.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { bundleTexts, compileModelBundle, targetByName } from "../../codegen/index.ts";
import { checkBundle } from "../../engine/check-bundle.ts";
import type { ExpectedBundle } from "../../engine/expected-bundle.ts";
import { readGpt2Config } from "../../ir/models/gpt2/config.ts";
import { gpt2 } from "../../ir/models/gpt2/family.ts";
import { RuntimeError } from "../../runtime/index.ts";
import { addedToken, END_ID, tokenizerJson } from "../support/checkpoint-folders.ts";
import { seededCheckpoint } from "../support/made-models.ts";
import { assertFails, output, runCli } from "../support/run-cli.ts";

const test = suite("check bundle");

const CONFIG = { n_layer: 1, n_head: 1, n_embd: 8, n_ctx: 16, vocab_size: END_ID + 2 };
const root = mkdtempSync(join(tmpdir(), "wgpt-check-"));
test.after(() => rmSync(root, { recursive: true }));

/** A checkpoint's folder. */
function checkpoint(name: string, changes: object, more: Readonly<Record<string, string>> = {}): string {
  const folder = join(root, name);
  mkdirSync(folder);
  const config = { ...CONFIG, ...changes };
  const files = {
    ...seededCheckpoint(config),
    "tokenizer.json": JSON.stringify(tokenizerJson()),
    "config.json": JSON.stringify(config),
    ...more,
  };
  for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, file), content);
  return folder;
}
const model = checkpoint("model", {});
const deeper = checkpoint("deeper", { n_layer: 2, layer_norm_epsilon: 1e-6 });
const retold = checkpoint(
  "retold",
  {},
  { "tokenizer.json": JSON.stringify(tokenizerJson([addedToken(END_ID + 1, "<|more|>")])) },
);
const retrained = checkpoint("retrained", {});
const weights = readFileSync(join(retrained, "model.safetensors"));
weights.writeUInt8(weights.readUInt8(weights.length - 3) ^ 1, weights.length - 3);
writeFileSync(join(retrained, "model.safetensors"), weights);

const bundle = join(root, "bundle");
const short = ["--context", "12", "--chunk", "4", "--variant", "base", "--disable-pass", "fuse-gelu"];
const made = runCli(["compile", model, "--out", bundle, "--pack-weights", ...short]);

async function problem(expected: ExpectedBundle, verify = false, folder = bundle): Promise<string> {
  output(await made);
  try {
    await checkBundle(folder, verify, expected);
  } catch (error) {
    if (error instanceof RuntimeError) return error.facts;
    throw error;
  }
  return "up to date";
}

const SAME: Readonly<Record<string, ExpectedBundle>> = {
  "nothing that is said": {},
  "its model": { model },
  "its model's file": { model: join(model, "model.safetensors") },
  "all that it was compiled with": {
    model,
    context: 12,
    chunk: 4,
    variant: ["base"],
    disablePass: ["fuse-gelu"],
    dtype: "auto",
    target: "webgpu-default",
    name: "gpt2",
    packWeights: true,
  },
};
for (const [name, expected] of Object.entries(SAME))
  test(`a bundle is up to date with ${name}`, async () => assert.is(await problem(expected), "up to date"));

const OTHER: Readonly<Record<string, readonly [ExpectedBundle, RegExp]>> = {
  "a deeper model": [
    { model: deeper },
    /deeper has n_layer 2, but the bundle 1; \S+deeper has layer_norm_epsilon 0\.000001, but/,
  ],
  "a preset": [{ model: "gpt2" }, /gpt2 has n_layer 12, but the bundle 1; /],
  "a model with another tokenizer": [{ model: retold }, /: tokenizer\.json is not what \S+retold gives$/],
  "another context": [{ context: 16 }, /: --context is 16, but the bundle's is 12$/],
  "another context of its model": [{ model, context: 10 }, /: --context is 10, but the bundle's is 12$/],
  "another chunk": [{ chunk: 8 }, /: --chunk is 8, but the bundle's is 4$/],
  "another dtype": [{ dtype: "f16" }, /: --dtype is f16, but the bundle's is f32$/],
  "another dtype of caches": [{ cacheDtype: "f16" }, /: --cache-dtype is f16, but the bundle's is f32$/],
  "no disabled pass that it has": [
    { disablePass: ["fuse-linear"] },
    /: --disable-pass is fuse-linear, but the bundle's is fuse-gelu$/,
  ],
  "another target": [{ target: "h100" }, /: --target is h100, but the bundle's is webgpu-default$/],
  "another variant": [{ variant: ["f16"] }, /: --variant is f16, but the bundle's is base$/],
  "another name": [{ name: "mine" }, /: --name is mine, but the bundle's is gpt2$/],
};
for (const [name, [expected, facts]] of Object.entries(OTHER))
  test(`a bundle is not that of ${name}`, async () => assert.match(await problem(expected), facts));

test("a bundle that has its target's older name is up to date, under either name", async () => {
  const older = join(root, "older");
  const target = { ...targetByName("lavapipe"), name: "dawn-lavapipe" };
  const files = await bundleTexts(
    compileModelBundle(gpt2, readGpt2Config(CONFIG), { target, variants: ["base"], chunk: 4 }),
  );
  for (const [file, text] of files) {
    mkdirSync(dirname(join(older, file)), { recursive: true });
    writeFileSync(join(older, file), text);
  }
  for (const name of ["lavapipe", "dawn-lavapipe"]) await checkBundle(older, false, { target: name });
});

test("with --verify, packed weights are the model's or the difference is named", async () => {
  assert.is(await problem({ model: retrained }), "up to date");
  assert.match(await problem({ model: retrained }, true), /^its \S+ is not that of \S+retrained$/);
  assert.is(await problem({ model }, true), "up to date");
});

test("a file that can't be read is told from one that is missing", async () => {
  output(await made);
  const [kernel = ""] = readdirSync(join(bundle, "kernels"));
  for (const [i, name] of [join("kernels", kernel), "tokenizer.json"].entries()) {
    const copy = join(root, `unreadable${i}`);
    cpSync(bundle, copy, { recursive: true });
    rmSync(join(copy, name));
    assert.match(await problem({}, false, copy), / is missing|is not what/);
    mkdirSync(join(copy, name));
    assert.match(await problem({}, false, copy), /^can't be read: it is a folder/);
  }
});

test("the command compares what is given to it, and only that", async () => {
  output(await made);
  const check = (...args: readonly string[]) => runCli(["compile", ...args, "--check", bundle]);
  const [wrong, same, writing] = [
    check("gpt2", "--context", "64"),
    check(retrained),
    check("--out", join(root, "never")),
  ];
  assertFails(
    await wrong,
    /bundle: is not the bundle that was asked for: --context is 64, but .* gpt2 has n_layer 12, .*compile it/,
  );
  assert.match(
    output(await same),
    /: up to date, all \d+ files; whether its weights are those of \S+retrained, --verify says\n$/,
  );
  assertFails(await writing, /--check: is given, but so is --out, and checking writes nothing/);
});

test.run();
