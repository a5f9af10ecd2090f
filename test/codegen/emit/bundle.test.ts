// Bundles as files: the same bytes today as when they were checked in, shaders that stand alone, a module that type-checks.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import ts from "typescript";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileModelBundle, VARIANTS, type VariantName } from "../../../codegen/emit/bundle.ts";
import { targetByName } from "../../../codegen/target.ts";
import { at } from "../../../ir/errors.ts";
import { PRESETS, readGpt2Config } from "../../../ir/models/gpt2/config.ts";
import { gpt2 } from "../../../ir/models/gpt2/family.ts";
import { nullDevice, withErrorScopes } from "../../support/gpu.ts";
import { DISTINCT_TARGETS } from "../../support/targets.ts";
import { GOLDEN, readTexts, TINY_CONFIG, tinyBundle, tinyTexts } from "./tiny-bundle.ts";

const test = suite("bundle");

const ALL = Object.keys(VARIANTS) as VariantName[];

test("a tiny model's bundle is the one that is checked in, byte by byte", async () => {
  const made = await tinyTexts();
  if (process.env["UPDATE_GOLDEN"] === "1") {
    rmSync(GOLDEN, { recursive: true, force: true });
    for (const [name, text] of made) {
      mkdirSync(dirname(join(GOLDEN, name)), { recursive: true });
      writeFileSync(join(GOLDEN, name), text);
    }
  }
  const kept = readTexts(GOLDEN);
  assert.equal([...kept.keys()].sort(), [...made.keys()].sort());
  for (const [name, text] of made) assert.is(text, kept.get(name), name);
});

test("the emitted module has no diagnostics under the project's own flags, and no any", () => {
  const root = join(GOLDEN, "../../..");
  const { config } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: ["x.ts"] }, ts.sys, root);
  const program = ts.createProgram([join(GOLDEN, "index.ts")], options);
  const found = ts.getPreEmitDiagnostics(program).map((d) => ts.flattenDiagnosticMessageText(d.messageText, "\n"));
  assert.equal(found, []);
  const text = at(
    [...readTexts(GOLDEN)].filter(([name]) => name === "index.ts"),
    0,
  )[1];
  const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
  assert.not.match(code, /\bany\b|\bas (?!const)|!\./);
  assert.equal(
    [...text.matchAll(/from "(.+)"/g)].map((m) => m[1]),
    ["wgpt/runtime"],
  );
});

test("every shader stands alone: Tint takes it as it is, and its first line says what it computes", async () => {
  const bundles = DISTINCT_TARGETS.map((target) =>
    compileModelBundle(gpt2, readGpt2Config(TINY_CONFIG, "tiny"), { target, weights: "f16", chunk: 8, variants: ALL }),
  );
  await withErrorScopes(await nullDevice(), "bundle shaders", async ({ device }) => {
    for (const { kernels } of [tinyBundle(), ...bundles])
      for (const [file, code] of kernels) {
        assert.match(file, /^kernels\/[a-z0-9_.-]+\.wgsl$/);
        assert.match(code, /^(enable \w+;\n)?\/\/ \w+/, file);
        assert.ok(code.endsWith("}\n"), `${file} ends with its last brace and a newline`);
        const { messages } = await device.createShaderModule({ label: file, code }).getCompilationInfo();
        assert.equal(
          messages.filter((m) => m.type === "error").map((m) => m.message),
          [],
          file,
        );
      }
  });
});

test("a variant is written where its kernels differ, and shares the files of those that do not", () => {
  const { plan, kernels } = tinyBundle();
  assert.equal(
    plan.variants.map((v) => [v.name, v.requiredFeatures]),
    [
      ["base", []],
      ["subgroups", ["subgroups"]],
    ],
  );
  const [base, subgroups] = plan.variants.map((v) => v.kernels.map((k) => k.file));
  const shared = base?.filter((file) => subgroups?.includes(file)) ?? [];
  assert.ok(shared.length > 0 && shared.length < (base?.length ?? 0));
  assert.is(kernels.size, new Set([...(base ?? []), ...(subgroups ?? [])]).size);
  const halves = compileModelBundle(gpt2, readGpt2Config(TINY_CONFIG, "tiny"), { weights: "f16" });
  assert.equal(
    halves.plan.variants.map((v) => [v.name, v.requiredFeatures]),
    [
      ["base", []],
      ["f16", ["shader-f16"]],
      ["subgroups", ["subgroups"]],
      ["f16-subgroups", ["shader-f16", "subgroups"]],
    ],
  );
  for (const [file, code] of halves.kernels)
    assert.is(code.includes("enable f16;"), /vec4h|mat2x4h|array<f16>/.test(code), file);
  // The software adapter reads pairs faster, so that its own target has no variant for f16.
  const lavapipe = compileModelBundle(gpt2, readGpt2Config(TINY_CONFIG, "tiny"), {
    weights: "f16",
    target: targetByName("lavapipe"),
  });
  assert.equal(
    lavapipe.plan.variants.map((v) => v.name),
    ["base", "subgroups"],
  );
  const alone = compileModelBundle(gpt2, readGpt2Config(TINY_CONFIG, "tiny"), { variants: ["base"] });
  assert.equal(
    alone.plan.variants.map((v) => v.name),
    ["base"],
  );
});

test("a prefill on subgroup matrices is compiled where it is asked for, and nowhere else", () => {
  const { plan, kernels } = compileModelBundle(gpt2, readGpt2Config(TINY_CONFIG, "tiny"), { variants: ALL });
  const last = at(plan.variants, -1);
  assert.equal(last.requiredFeatures, ["chromium-experimental-subgroup-matrix"]);
  assert.ok([...kernels].some(([, code]) => code.includes("subgroupMatrixMultiplyAccumulate")));
  assert.not.ok([...tinyBundle().kernels].some(([, code]) => code.includes("subgroup_matrix")));
});

test("gpt2-xl has as many shaders as it has kinds of step, not as it has layers", () => {
  const config = PRESETS["gpt2-xl"];
  assert.ok(config);
  if (!config) return;
  const { kernels, plan } = compileModelBundle(gpt2, config);
  assert.ok(kernels.size < 40, `${kernels.size} shaders`);
  assert.ok(at(plan.variants, 0).entries.some((e) => e.steps.length > 240));
});

test.run();
