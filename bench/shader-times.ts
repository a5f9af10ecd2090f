// How long this adapter's driver takes to compile each kernel of a preset's plan, one after another and without what it has in a cache of
// its own on disk, where it has one.
//
//     npx tsx bench/shader-times.ts [gpt2]... [--dtype f16]
//
// Prints a line of JSON for each kernel, and one for each plan.
import { parseArgs } from "node:util";
import { compileModel, targetForAdapter } from "../codegen/index.ts";
import { FAMILIES } from "../ir/index.ts";
import { openDawn, printAdapter } from "../runtime/index.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { dtype: { type: "string", default: "f16" } },
});
const gpu = await openDawn({ quiet: true });
const target = targetForAdapter(gpu.adapter);
const { device } = gpu;
for (const model of positionals.length > 0 ? positionals : ["gpt2"]) {
  const [family] = FAMILIES;
  const preset = family?.presets[model];
  if (!family || preset === undefined) throw new Error(`there is no preset ${model}`);
  const { plan } = compileModel(family, family.readConfig(preset), { target, weights: values.dtype as "f16" });
  let all = 0;
  for (const { name, wgsl } of plan.kernels) {
    const began = performance.now();
    const module = device.createShaderModule({ code: wgsl });
    await device.createComputePipelineAsync({ layout: "auto", compute: { module } });
    const ms = performance.now() - began;
    all += ms;
    console.log(JSON.stringify({ model, kernel: name, ms }));
  }
  console.log(JSON.stringify({ model, kernels: plan.kernels.length, ms: all, adapter: printAdapter(gpu.adapter) }));
}
gpu.close();
