// Every shader of every preset, on a device that runs nothing and has every feature: is the WGSL valid? Layers share their
// shaders, so two layers of each preset show all of them.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileGpt2, ENTRY_NAMES } from "../../codegen/compile.ts";
import { TARGETS } from "../../codegen/target.ts";
import { type Gpt2Config, PRESETS, readGpt2Config } from "../../ir/models/gpt2-config.ts";
import { FUSING_PASSES, type WeightDType } from "../../passes/pipeline.ts";
import { nullDevice } from "../support/gpu.ts";

const test = suite("tint");

/** Texts that have been checked, so that each is compiled once. */
const valid = new Set<string>();

async function checkAll(
  config: Gpt2Config,
  target: string,
  weights: WeightDType,
  disable: readonly string[],
): Promise<number> {
  const { device } = await nullDevice();
  const made = TARGETS[target];
  assert.ok(made, target);
  if (!made) return 0;
  const { plan } = compileGpt2({ ...config, n_layer: 2 }, { target: made, weights, disable, entries: ENTRY_NAMES });
  for (const { name, wgsl } of plan.kernels) {
    if (valid.has(wgsl)) continue;
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ label: name, code: wgsl });
    const { messages } = await module.getCompilationInfo();
    const errors = messages.filter((m) => m.type === "error").map((m) => `${m.lineNum}:${m.linePos} ${m.message}`);
    assert.equal(errors, [], `${name} for ${target}`);
    await device.createComputePipelineAsync({ layout: "auto", compute: { module, entryPoint: "main" } });
    assert.is(await device.popErrorScope(), null, `${name} for ${target}`);
    valid.add(wgsl);
  }
  return plan.kernels.length;
}

for (const [preset, config] of Object.entries(PRESETS))
  for (const target of Object.keys(TARGETS))
    test(`${preset} compiles to valid WGSL for ${target}, with f32 and with f16 weights`, async () => {
      for (const weights of ["f32", "f16"] as const) assert.ok((await checkAll(config, target, weights, [])) >= 10);
    });

const TINY = readGpt2Config({
  n_layer: 2,
  n_head: 3,
  n_embd: 15,
  n_ctx: 32,
  vocab_size: 7,
  activation_function: "gelu",
});

for (const disable of [[], FUSING_PASSES])
  test(`widths that are no multiple of four compile too, with ${disable.length === 0 ? "every pass" : "no fusing pass"}`, async () => {
    for (const target of Object.keys(TARGETS)) assert.ok((await checkAll(TINY, target, "f16", disable)) >= 10);
  });

test.run();
