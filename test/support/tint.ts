// Tint's verdict on WGSL, on a device that runs nothing and has every feature. Each text is compiled once.
import * as assert from "uvu/assert";
import { shaderNeeds } from "../../codegen/shader-needs.ts";
import { nullDevice } from "./gpu.ts";

const valid = new Set<string>();

/** Whether the device has as much of everything as the shader declares. */
function fits(wgsl: string, limits: GPUSupportedLimits): boolean {
  const needs = shaderNeeds(wgsl);
  if (!needs) return true;
  const { sharedBytes, invocations, size } = needs;
  const { maxComputeWorkgroupSizeX: x, maxComputeWorkgroupSizeY: y, maxComputeWorkgroupSizeZ: z } = limits;
  return (
    sharedBytes <= limits.maxComputeWorkgroupStorageSize &&
    invocations <= limits.maxComputeInvocationsPerWorkgroup &&
    [x, y, z].every((most, axis) => (size[axis] ?? 1) <= most)
  );
}

/**
 * Fails with Tint's messages where the text is not valid WGSL, or no pipeline can be made of it. `pipeline` is false for
 * what needs more buffers than the null device binds. What takes more workgroup memory or invocations than that device
 * has is validated as a module alone.
 */
export async function assertValidWgsl(wgsl: string, label: string, { pipeline = true } = {}): Promise<void> {
  if (valid.has(wgsl)) return;
  const { device } = await nullDevice();
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ label, code: wgsl });
  const { messages } = await module.getCompilationInfo();
  const errors = messages.filter((m) => m.type === "error").map((m) => `${m.lineNum}:${m.linePos} ${m.message}`);
  // Asked for whatever the module says, and the scope closed: one left open would hide the errors of all that follows.
  const refusal =
    pipeline &&
    fits(wgsl, device.limits) &&
    (await device.createComputePipelineAsync({ layout: "auto", compute: { module, entryPoint: "main" } }).then(
      () => false,
      (error: unknown) => String(error),
    ));
  const reported = await device.popErrorScope();
  assert.equal(errors, [], label);
  assert.is(refusal, false, label);
  assert.is(reported, null, label);
  valid.add(wgsl);
}
