// A plan asks for what its kernels use, whatever its target has: so that every adapter that can run it does.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { create, globals } from "webgpu";
import { bufferBytes, type Plan, type PlanAccess, symbolMaxima } from "../../base/plan.ts";
import { ENTRY_NAMES } from "../../codegen/compile.ts";
import { compileGpt2 } from "../../codegen/compile-gpt2.ts";
import { requiredLimits } from "../../codegen/required-limits.ts";
import { shaderNeeds } from "../../codegen/shader-needs.ts";
import { type Target, targetByName } from "../../codegen/target.ts";
import { PRESETS } from "../../ir/models/gpt2/config.ts";
import { DISTINCT_TARGETS } from "../support/targets.ts";

const test = suite("required limits");

/** A target with more of everything. */
const wide = (target: Target): Target => ({
  ...target,
  limits: {
    maxStorageBuffersPerShaderStage: 64,
    maxStorageBufferBindingSize: 2 ** 40,
    maxBufferSize: 2 ** 40,
    maxComputeWorkgroupStorageSize: 2 ** 20,
    maxComputeInvocationsPerWorkgroup: 4096,
  },
});

/** A target with no more workgroup memory and invocations than the adapter has. */
const within = (target: Target, most: GPUSupportedLimits): Target => ({
  ...target,
  limits: {
    ...target.limits,
    maxComputeWorkgroupStorageSize: Math.min(
      target.limits.maxComputeWorkgroupStorageSize,
      most.maxComputeWorkgroupStorageSize,
    ),
    maxComputeInvocationsPerWorkgroup: Math.min(
      target.limits.maxComputeInvocationsPerWorkgroup,
      most.maxComputeInvocationsPerWorkgroup,
    ),
  },
});

/** The limits that the plan's parts show, counted from what is in it. */
function counted({ kernels, buffers, ...plan }: Plan): Plan["requiredLimits"] {
  const needs = kernels.map(({ name, wgsl }) => {
    const found = shaderNeeds(wgsl);
    if (!found) throw new Error(`nothing is known of ${name}`);
    return found;
  });
  const bytes = Math.max(...buffers.map((b) => bufferBytes(b, symbolMaxima(plan))));
  return {
    maxStorageBuffersPerShaderStage: Math.max(
      ...kernels.map(({ wgsl }) => [...wgsl.matchAll(/@group\(0\) @binding\(\d+\)/g)].length),
    ),
    maxStorageBufferBindingSize: bytes,
    maxBufferSize: bytes,
    maxComputeWorkgroupStorageSize: Math.max(...needs.map((n) => n.sharedBytes)),
    maxComputeInvocationsPerWorkgroup: Math.max(...needs.map((n) => n.invocations)),
    maxComputeWorkgroupSizeX: Math.max(...needs.map((n) => n.size[0])),
    maxComputeWorkgroupSizeY: Math.max(...needs.map((n) => n.size[1])),
    maxComputeWorkgroupSizeZ: Math.max(...needs.map((n) => n.size[2])),
  };
}

for (const [name, config] of Object.entries(PRESETS))
  for (const entry of ENTRY_NAMES)
    test(`${name} ${entry} asks for what its WGSL declares, where a target has more`, () => {
      for (const target of DISTINCT_TARGETS)
        for (const weights of ["f32", "f16"] as const) {
          const options = { target: wide(target), weights, entries: [entry] };
          const { plan } = compileGpt2({ ...config, n_layer: 2 }, options);
          assert.equal(plan.requiredLimits, counted(plan), target.name);
        }
    });

// They stay for as long as the process does, as Dawn wants it.
const devices: GPUDevice[] = [];
const gpu = create(["backend=null", "enable-dawn-features=allow_unsafe_apis"]);
process.once("exit", () => {
  for (const device of devices) device.destroy();
});

test("every kernel is valid on a device that is opened with these limits and no more", async () => {
  Object.assign(globalThis, globals);
  const config = PRESETS["gpt2"];
  assert.ok(config);
  if (!config) return;
  for (const target of DISTINCT_TARGETS)
    for (const entry of ENTRY_NAMES) {
      const adapter = await gpu.requestAdapter();
      if (!adapter) throw new Error("the null backend has an adapter");
      const options = { target: { ...within(target, adapter.limits), features: [] }, entries: [entry] };
      const { plan } = compileGpt2({ ...config, n_layer: 2 }, options);
      // Sizes of buffers are no matter of shaders, and the null backend binds no more than every device.
      const { maxBufferSize: _, maxStorageBufferBindingSize: __, ...requiredLimits } = plan.requiredLimits;
      const device = await adapter.requestDevice({ requiredLimits });
      devices.push(device);
      const layout = (access: readonly PlanAccess[]) =>
        device.createBindGroupLayout({
          entries: access.map((a, binding) => ({
            binding,
            visibility: GPUShaderStage.COMPUTE,
            buffer: { type: a === "read" ? "read-only-storage" : "storage" },
          })),
        });
      const symbols = device.createBindGroupLayout({
        entries: [
          { binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: "uniform", hasDynamicOffset: true } },
        ],
      });
      for (const { name, wgsl, access, usesSymbols } of plan.kernels) {
        const module = device.createShaderModule({ label: name, code: wgsl });
        const bindGroupLayouts = [layout(access), ...(usesSymbols ? [symbols] : [])];
        await device.createComputePipelineAsync({
          layout: device.createPipelineLayout({ bindGroupLayouts }),
          compute: { module, entryPoint: "main" },
        });
      }
    }
});

test("where a kernel's declarations can't be read, it may use all that the target has", () => {
  const { limits } = targetByName("rtx-4060");
  const kernel = { name: "mine", summary: "mine", access: ["read"], usesSymbols: false } as const;
  const wgsl = "var<workgroup> s: Mine;\n@compute @workgroup_size(1) fn main() {}";
  assert.equal(requiredLimits([{ ...kernel, wgsl }], 64, limits), {
    maxStorageBuffersPerShaderStage: 1,
    maxStorageBufferBindingSize: 64,
    maxBufferSize: 64,
    maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
    maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
    maxComputeWorkgroupSizeX: limits.maxComputeInvocationsPerWorkgroup,
    maxComputeWorkgroupSizeY: limits.maxComputeInvocationsPerWorkgroup,
    maxComputeWorkgroupSizeZ: 64,
  });
});

test.run();
