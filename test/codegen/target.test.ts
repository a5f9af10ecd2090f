// What the compiler counts on in adapters of several vendors, whose reports lie under test/adapters: their own features and
// limits, and kernels that are valid with those.
import { readdirSync, readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileGpt2, ENTRY_NAMES, standard } from "../../codegen/compile.ts";
import { type Target, targetByName, targetForAdapter, USED_FEATURES } from "../../codegen/target.ts";
import { PRESETS } from "../../ir/models/gpt2/config.ts";
import { type AdapterReport, OPTIONAL_FEATURES } from "../../runtime/device.ts";
import { assertValidWgsl } from "../support/tint.ts";

const test = suite("target");

const FOLDER = new URL("../adapters/", import.meta.url);
const REPORTS = readdirSync(FOLDER)
  .sort()
  .map((file) => {
    const report = JSON.parse(readFileSync(new URL(file, FOLDER), "utf8")) as AdapterReport;
    return { name: file.replace(".json", ""), report, target: targetForAdapter(report) };
  });
const EXPERIMENT = "chromium-experimental-subgroup-matrix";

test("there are reports of five vendors of GPUs, and of two software drivers", () => {
  const gpus = REPORTS.filter(({ report }) => !report.software).map(({ report }) => report.vendor);
  for (const vendor of ["apple", "amd", "intel", "nvidia", "qualcomm", "arm"]) assert.ok(gpus.includes(vendor), vendor);
  assert.is(REPORTS.filter(({ report }) => report.software).length, 2);
});

for (const { name, report, target } of REPORTS)
  test(`${name}: features and limits are the adapter's`, () => {
    assert.equal(
      [...target.features].sort(),
      ["shader-f16", "subgroups", "timestamp-query"].filter((f) => report.features.includes(f)),
    );
    for (const [limit, value] of Object.entries(target.limits)) assert.is(value, report.limits[limit], limit);
  });

test("only tuning comes from the family", () => {
  const families = Object.fromEntries(REPORTS.map(({ name, target }) => [name, target.name]));
  assert.equal(families, {
    "amd-rdna-3": "webgpu-default",
    "apple-m2": "webgpu-default",
    "arm-valhall": "webgpu-default",
    "google-swiftshader": "dawn-swiftshader",
    "intel-gen-12": "webgpu-default",
    "mesa-lavapipe": "dawn-lavapipe",
    "nvidia-h200": "dawn-nvidia",
    "nvidia-h200-f16": "dawn-nvidia",
    "qualcomm-adreno-7xx": "webgpu-default",
  });
  for (const { target } of REPORTS) assert.equal(target.tuning, targetByName(target.name).tuning);
});

test("a limit that a report does not tell is the least that WebGPU promises", () => {
  const { report } = REPORTS[0] ?? {};
  assert.ok(report);
  if (report)
    assert.equal(
      targetForAdapter({ ...report, vendor: "x", limits: {} }).limits,
      targetByName("webgpu-default").limits,
    );
});

test("every feature that a kernel asks for is one that targets may have and devices are opened with", () => {
  const asked = standard.kernels.flatMap((k) => k.features ?? []).filter((f) => f !== EXPERIMENT);
  for (const f of asked) assert.ok(USED_FEATURES.includes(f), f);
  for (const f of USED_FEATURES) assert.ok((OPTIONAL_FEATURES as readonly string[]).includes(f), f);
});

const GPT2 = PRESETS["gpt2"];
const plan = (target: Target, weights: "f32" | "f16", config = GPT2) =>
  config && compileGpt2({ ...config, n_layer: 2 }, { target, weights, entries: ENTRY_NAMES }).plan;

for (const { name, report, target } of REPORTS)
  test(`${name}: gpt2 uses what there is, keeps to the limits, and is valid WGSL`, async () => {
    for (const weights of ["f32", "f16"] as const) {
      const made = plan(target, weights);
      assert.ok(made);
      if (!made) return;
      const has = (f: string) => report.features.includes(f);
      const native = weights === "f16" && has("shader-f16") && target.tuning.nativeHalves;
      assert.equal(made.requiredFeatures, [
        ...(native ? ["shader-f16"] : []),
        ...(has("subgroups") ? ["subgroups"] : []),
      ]);
      for (const [limit, value] of Object.entries(made.requiredLimits))
        assert.ok(value <= (report.limits[limit] ?? 0), `${limit} ${value}`);
      // As modules: the device that validates binds no more buffers than the least that WebGPU promises.
      for (const kernel of made.kernels)
        await assertValidWgsl(kernel.wgsl, `${kernel.name} for ${name}`, { pipeline: false });
    }
  });

for (const [preset, config] of Object.entries(PRESETS))
  test(`${preset} compiles for every adapter`, async () => {
    for (const { name, target } of REPORTS)
      for (const { name: kernel, wgsl } of plan(target, "f16", config)?.kernels ?? [])
        await assertValidWgsl(wgsl, `${kernel} of ${preset} for ${name}`, { pipeline: false });
  });

test.run();
