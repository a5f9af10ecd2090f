// What the compiler counts on in adapters of several vendors, whose reports lie under test/adapters: their own features and
// limits, and kernels that are valid with those.
import { readdirSync, readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { nearestMachine } from "../../base/adapter.ts";
import { ENTRY_NAMES, standard } from "../../codegen/compile.ts";
import { compileGpt2 } from "../../codegen/compile-gpt2.ts";
import { TARGETS, type Target, targetByName, targetForAdapter, USED_FEATURES } from "../../codegen/target.ts";
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

test("figures are those of the nearest machine, whose id is the target's name", () => {
  const names = Object.fromEntries(REPORTS.map(({ name, target }) => [name, target.name]));
  assert.equal(names, {
    "amd-rdna-3": "rx-7900-xtx",
    "apple-m2": "apple-m2",
    "arm-valhall": "webgpu-default",
    "google-swiftshader": "swiftshader",
    "intel-gen-12": "webgpu-default",
    "mesa-lavapipe": "lavapipe",
    "nvidia-h200": "h100",
    "nvidia-h200-f16": "h100",
    "qualcomm-adreno-7xx": "webgpu-default",
  });
  for (const { target } of REPORTS) {
    assert.is(target.machine.id, target.name);
    assert.is(target.machine, targetByName(target.name).machine);
  }
});

/** As Dawn reports vendor, architecture, device and description; a browser leaves the last two out. */
const NEAREST: Readonly<Record<string, readonly (readonly [string, string, string?, string?])[]>> = {
  h100: [
    ["nvidia", "", "nvidia-h100-80gb-hbm3", "NVIDIA: 550.54.15"],
    ["nvidia", "ampere", "nvidia-a100-sxm4-40gb", "NVIDIA: 550.54.15"],
    ["nvidia", "blackwell", "nvidia-gb200", ""],
  ],
  a10: [
    ["nvidia", "ampere", "nvidia-a10g", "NVIDIA: 550.54.15"],
    ["nvidia", "ampere", "nvidia-geforce-rtx-3090", ""],
    ["nvidia", "lovelace", "nvidia-geforce-rtx-4090", ""],
    ["nvidia", "lovelace", "nvidia-rtx-6000-ada-generation", ""],
    ["nvidia", "lovelace", "", "NVIDIA L40S"],
  ],
  "rtx-4060": [
    ["nvidia", "lovelace", "nvidia-geforce-rtx-4060", ""],
    ["nvidia", "lovelace"],
    ["nvidia", "ampere"],
    ["nvidia", "turing", "nvidia-geforce-gtx-1650", ""],
    ["nvidia", ""],
    ["", "", "", "NVIDIA GeForce RTX 4050 Laptop GPU"],
  ],
  "rx-7900-xtx": [
    ["amd", "rdna-3", "amd-radeon-rx-7900-xtx--radv-navi31-", "radv: Mesa 25.0.7"],
    ["amd", "rdna-2", "amd-radeon-rx-6800-xt", ""],
    ["amd", "rdna-3"],
    ["amd", "rdna-4", "", "AMD Radeon RX 9070 XT"],
  ],
  mi200: [
    ["amd", "", "amd-instinct-mi250x--radv-mi200-", "radv: Mesa 25.0.7"],
    ["amd", "cdna-1"],
  ],
  "apple-m2": [
    ["apple", "metal-3", "apple-m1", "Metal driver"],
    ["apple", "metal-3", "", "Apple M2 Max"],
    ["apple", "metal-3", "", "Apple M3 Pro"],
    ["apple", "metal-3", "", "Apple M4"],
    ["apple", "common-3"],
  ],
  "intel-arc-a770": [
    ["intel", "gen-12hp"],
    ["intel", "xe-2hpg", "intel-r--arc-tm--b580-graphics", ""],
    ["intel", "", "", "Intel(R) Arc(TM) A750 Graphics"],
  ],
  "webgpu-default": [
    ["amd", "rdna-3", "amd-radeon-tm--780m--radv-phoenix-", "radv: Mesa 25.0.7"],
    ["amd", "rdna-2", "", "AMD Radeon(TM) Graphics"],
    ["amd", "gcn-4"],
    ["intel", "gen-12lp"],
    ["intel", "xe-lpg", "intel-r--arc-tm--graphics", ""],
    ["intel", "gen-9", "", "Intel(R) UHD Graphics 630"],
    ["qualcomm", "adreno-7xx"],
    ["arm", "valhall", "mali-g710", ""],
    ["img-tec", "rogue"],
    ["", "", "", "an unnamed adapter"],
  ],
  lavapipe: [["mesa", "software"]],
  swiftshader: [["google", "swiftshader"]],
};
for (const [id, adapters] of Object.entries(NEAREST))
  test(`${id} is the nearest to adapters that say they are like it`, () => {
    for (const [vendor, architecture, device = "", description = `${vendor} ${architecture}`] of adapters)
      assert.is(
        nearestMachine({ vendor, architecture, device, description }),
        id,
        `${vendor} ${architecture} ${device}`,
      );
  });

test("a target has the name that it had before, too", () => {
  for (const [older, id] of Object.entries({
    "dawn-lavapipe": "lavapipe",
    "dawn-swiftshader": "swiftshader",
    "dawn-nvidia": "rtx-4060",
  })) {
    assert.is(targetByName(older), TARGETS[id]);
    assert.is(TARGETS[older], undefined);
  }
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

/** What the reports do not say. */
const EVERY_DEVICE: Readonly<Record<string, number>> = { maxComputeWorkgroupSizeZ: 64 };
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
      const native = weights === "f16" && has("shader-f16") && target.machine.nativeHalves;
      assert.equal(made.requiredFeatures, [
        ...(native ? ["shader-f16"] : []),
        ...(has("subgroups") ? ["subgroups"] : []),
      ]);
      for (const [limit, value] of Object.entries(made.requiredLimits))
        assert.ok(value <= (report.limits[limit] ?? EVERY_DEVICE[limit] ?? 0), `${limit} ${value}`);
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
