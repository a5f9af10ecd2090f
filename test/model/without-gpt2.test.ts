// What GPT-2 is lies in one folder: with that folder deleted, and the lines that list it, the sources type-check, and the second
// family builds, generates and bundles.
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { capture, ROOT } from "../../tools/run-command.mjs";
import { adapter } from "../support/gpu.ts";
import { skipUnless } from "../support/skip.ts";

const test = suite("without GPT-2");
const gpuTest = skipUnless(test, adapter, "no Vulkan adapter");

const LAYERS = ["base", "ir", "passes", "codegen", "runtime", "engine", "cli"];
/** As CONTRIBUTING has it: the folder, the compiler's short name for it, and the lines that name either. */
const DELETED = ["ir/models/gpt2", "codegen/compile-gpt2.ts"];
const REGISTRIES: Readonly<Record<string, RegExp>> = {
  "ir/index.ts": /^.*\/gpt2\/.*\n/gm,
  "ir/models/index.ts": /^import.*\/gpt2\/.*\n|(?<=\[)gpt2(?=\])/gm,
  "codegen/index.ts": /^.*compile-gpt2.*\n/gm,
  "codegen/wgpt.ts": /^.*compile-gpt2.*\n/gm,
};

const root = mkdtempSync(join(tmpdir(), "wgpt-without-"));
test.after(() => rmSync(root, { recursive: true, force: true }));
const plugin = join(root, "examples/llama/plugin.ts");

/** Runs in the copy; what it printed. */
async function run(...args: readonly [string, ...string[]]): Promise<string> {
  const { ok, stdout, output } = await capture([process.execPath, ...args], { cwd: root });
  assert.ok(ok, `${args.join(" ")}\n${output}`);
  return stdout;
}
const wgpt = (...args: readonly string[]) =>
  run("--import", import.meta.resolve("tsx"), "cli/main.ts", ...args, "--plugin", plugin);

test("the sources that are left type-check", async () => {
  for (const name of [...LAYERS, "examples/llama", "package.json", "tsconfig.json"])
    cpSync(join(ROOT, name), join(root, name), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(root, "node_modules"), "junction");
  for (const path of DELETED) rmSync(join(root, path), { recursive: true });
  for (const [file, lines] of Object.entries(REGISTRIES)) {
    const text = readFileSync(join(root, file), "utf8");
    const left = text.replaceAll(lines, "");
    assert.is.not(left, text, `${file} lists it`);
    writeFileSync(join(root, file), left);
  }
  const { compilerOptions } = JSON.parse(
    readFileSync(join(root, "tsconfig.json"), "utf8").replaceAll(/^\s*\/\/.*$/gm, ""),
  );
  writeFileSync(
    join(root, "tsconfig.json"),
    JSON.stringify({ compilerOptions, include: [...LAYERS, "examples/llama"].map((folder) => `${folder}/**/*`) }),
  );
  // In a fifth of the time that the compiler takes which builds the package, and which `npm run check` asks.
  await run("node_modules/typescript-7/bin/tsc", "--noEmit", "-p", ".");
});

test("its presets and its config are nobody's", async () => {
  assert.match(await wgpt("inspect", "llama-tiny"), /^llama-tiny: 121,152 parameters\n/);
  const { ok, output } = await capture(
    [process.execPath, "--import", import.meta.resolve("tsx"), "cli/main.ts", "inspect", "gpt2"],
    { cwd: root },
  );
  assert.not.ok(ok);
  assert.match(output, /wgpt: gpt2: there is no such folder, and no preset of that name/);
});

gpuTest("another family builds, generates and bundles", async () => {
  const [checkpoint, bundle] = [join(root, "checkpoint"), join(root, "bundle")];
  await wgpt("make-checkpoint", "llama-tiny", "--seed", "1", "--out", checkpoint);
  const tokens = await wgpt(
    "generate",
    "--model",
    checkpoint,
    "--tokens",
    "3,1,4",
    "--max-new-tokens",
    "5",
    "--temperature",
    "0",
  );
  assert.match(tokens, /^(\d+ ){4}\d+\n$/);
  await wgpt("compile", checkpoint, "--pack-weights", "--out", bundle);
  assert.match(await wgpt("compile", "--check", bundle, checkpoint, "--verify"), /up to date/);
  const program = `
    const { loadBundle } = await import("./runtime/index.ts");
    const model = await loadBundle("bundle", undefined, undefined, { onWarning: () => undefined });
    const tokens = [];
    for await (const { token } of model.generate([3, 1, 4], { maxNewTokens: 5, temperature: 0 })) tokens.push(token);
    console.log(tokens.join(" "));
    await model.close();`;
  assert.is(await run("--import", import.meta.resolve("tsx"), "--input-type=module", "-e", program), tokens);
});

test.run();
