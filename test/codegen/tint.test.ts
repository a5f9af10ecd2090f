// Every shader of every preset, on a device that runs nothing and has every feature: is the WGSL valid? Layers share their
// shaders, so two layers of each preset show all of them.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileEntries, ENTRY_NAMES } from "../../codegen/compile.ts";
import { compileGpt2 } from "../../codegen/compile-gpt2.ts";
import { TARGETS } from "../../codegen/target.ts";
import { type Gpt2Config, PRESETS, readGpt2Config } from "../../ir/models/gpt2/config.ts";
import { parseGraph } from "../../ir/parse.ts";
import type { WeightDType } from "../../passes/pass-maker.ts";
import { FUSING_PASSES } from "../support/fusing-passes.ts";
import { DISTINCT_TARGETS } from "../support/targets.ts";
import { assertValidWgsl } from "../support/tint.ts";

const test = suite("tint");

async function checkAll(
  config: Gpt2Config,
  target: string,
  weights: WeightDType,
  disable: readonly string[],
): Promise<number> {
  const made = TARGETS[target];
  assert.ok(made, target);
  if (!made) return 0;
  const { plan } = compileGpt2({ ...config, n_layer: 2 }, { target: made, weights, disable, entries: ENTRY_NAMES });
  for (const { name, wgsl } of plan.kernels) {
    await assertValidWgsl(wgsl, `${name} for ${target}`);
  }
  return plan.kernels.length;
}

for (const [preset, config] of Object.entries(PRESETS))
  for (const { name: target } of DISTINCT_TARGETS)
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
    for (const { name: target } of DISTINCT_TARGETS) assert.ok((await checkAll(TINY, target, "f16", disable)) >= 10);
  });

test("constants without a finite result, and divisions of integers by 0, are no errors of WGSL", async () => {
  for (const [type, call] of [
    ["f32", "exp(1000.0)"],
    ["f32", "sqrt(-1.0)"],
    ["f32", "mul(3e38, 3e38)"],
    ["f32", "div(x, 0.0)"],
    ["i32", "mul(2147483647, 2)"],
    ["i32", "div(x, 0)"],
    ["u32", "div(x, 0u)"],
  ] as const)
    for (const disable of [[], ["fold-constants", "canonicalize", ...FUSING_PASSES]]) {
      const graph = parseGraph(`graph g(x: ${type}[4]) { c = ${call} y = add(x, c) return y }`);
      const { plan } = compileEntries("g", [{ name: "run", graph }], { disable });
      for (const { wgsl } of plan.kernels) await assertValidWgsl(wgsl, call);
    }
});

test.run();
