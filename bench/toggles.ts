// What Dawn's toggles are worth on this adapter: decode under each set, by turns, so that a slow minute hits all. Numbers are checked
// against those without toggles: the same greedy tokens, or the set is out.
//
//     npx tsx bench/toggles.ts [MODEL] [--dtype f16] [--rounds 3] [--tokens 64]
//
// Prints a line of JSON for each set. Dawn's defaults are what wgpt runs on; ARCHITECTURE.md says why, and what would change that.
import { parseArgs } from "node:util";
import { spreadOf } from "../cli/measure.ts";
import { openModel } from "../cli/open-model.ts";
import type { DawnOptions } from "../runtime/index.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dtype: { type: "string", default: "f16" },
    rounds: { type: "string", default: "3" },
    tokens: { type: "string", default: "64" },
  },
});

const F16 = ["vulkan_enable_f16_on_nvidia", "use_vulkan_memory_model"];
const SETS: Readonly<Record<string, DawnOptions>> = {
  "Dawn's own": {},
  "f16 on NVIDIA": { enable: ["allow_unsafe_apis", ...F16] },
  "no clearing of workgroup memory": { enable: ["disable_workgroup_init"] },
  "no robustness": { enable: ["disable_robustness"] },
  "f16 on NVIDIA, no clearing of workgroup memory": { enable: ["allow_unsafe_apis", ...F16, "disable_workgroup_init"] },
};
const PROMPT = [11, 7, 5, 3];
/** Tokens before the clock starts. */
const WARM = 4;
const tokens = Number(values.tokens);

/** Tokens a second of one run, and the tokens. */
async function decode(gpu: DawnOptions): Promise<{ speed: number; picked: readonly number[]; adapter: string }> {
  const opened = await openModel({
    model: positionals[0],
    randomWeights: true,
    dtype: values.dtype as "f16",
    entries: ["prefill", "decode"],
    gpu: { quiet: true, ...gpu },
  });
  try {
    const picked: number[] = [];
    let began = 0;
    for await (const { token } of opened.session.generate(PROMPT, { maxNewTokens: tokens + WARM, temperature: 0 })) {
      picked.push(token);
      // A driver may compile what it is first asked to run.
      if (picked.length === WARM) began = performance.now();
    }
    const seconds = (performance.now() - began) / 1000;
    return { speed: (picked.length - WARM) / seconds, picked, adapter: opened.adapter.description };
  } finally {
    await opened.close();
  }
}

const laps = new Map<string, number[]>();
let wanted: string | undefined;
for (let round = 0; round < Number(values.rounds); round++)
  for (const [name, gpu] of Object.entries(SETS)) {
    try {
      const { speed, picked, adapter } = await decode(gpu);
      wanted ??= picked.join();
      if (picked.join() !== wanted) console.log(JSON.stringify({ name, adapter, error: "picks other tokens" }));
      laps.set(name, [...(laps.get(name) ?? []), speed]);
    } catch (error) {
      console.log(JSON.stringify({ name, error: String(error) }));
    }
  }
for (const [name, speeds] of laps)
  console.log(JSON.stringify({ name, dtype: values.dtype, decode_tokens_per_second: spreadOf(speeds) }));
