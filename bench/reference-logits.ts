// wgpt's logits against those of a GPT-2 in f64 that shares no code with it (bench/gpt2-f64.ts), for every size of the
// family and both ways to store weights: all positions at once, and the last one by prefill and decode.
//
//     node --import tsx bench/reference-logits.ts --dir DIR [--dtype f32|f16] [MODEL …]
//
// MODEL is a preset, whose weights are made of seed 1 in DIR/MODEL if they are not there (GPT-2 XL takes 6.2 GB), or the
// folder of a checkpoint; where that holds a reference.json, the f64 logits are compared with it too. All four presets
// when absent. Exits with 1 when an error is more than 1e-3 of the largest logit.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { makeCheckpoint } from "../cli/make-checkpoint.ts";
import { compileModel, standard, targetForAdapter } from "../codegen/index.ts";
import { readModel } from "../engine/index.ts";
import { PRESETS, shortenContext } from "../ir/index.ts";
import { Model, type OpenDevice, openCheckpoint, openDawn, printAdapter } from "../runtime/index.ts";
import { referenceLogits } from "./gpt2-f64.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { dir: { type: "string" }, dtype: { type: "string" } },
});
const models = positionals.length > 0 ? positionals : ["gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl"];
const dtypes = (["f32", "f16"] as const).filter((d) => values.dtype === undefined || values.dtype === d);

/** From all over the vocabulary. */
const TOKENS = [15496, 11, 995, 0, 50256, 40000, 257, 1];
const ALLOWED = 1e-3;

/** The largest difference from `from` on; NaN counts as infinite. */
function farthest(got: ArrayLike<number>, want: Float64Array, from = 0): number {
  let most = 0;
  for (let i = 0; i < got.length; i++) {
    const d = Math.abs((got[i] ?? Number.NaN) - (want[from + i] ?? Number.NaN));
    most = d >= 0 ? Math.max(most, d) : Number.POSITIVE_INFINITY;
  }
  return most;
}

async function folderOf(model: string): Promise<string> {
  if (!PRESETS[model]) return model;
  if (values.dir === undefined) throw new Error("give --dir, the folder in which the presets' weights are made");
  const out = join(values.dir, model);
  if (!existsSync(join(out, "config.json"))) await makeCheckpoint(model, { out, seed: 1, dtype: "f32", shards: 1 });
  return out;
}

interface Case {
  readonly input_ids: readonly number[];
  readonly logits?: readonly (readonly number[])[];
}

function compareWithPublished(folder: string): void {
  const { cases } = JSON.parse(readFileSync(join(folder, "reference.json"), "utf8")) as { readonly cases: Case[] };
  for (const { input_ids, logits } of cases) {
    if (!logits) continue;
    const off = farthest(logits.flat(), referenceLogits(folder, input_ids));
    console.log(
      `${folder}: the reference is within ${off.toExponential(1)} of reference.json for ${input_ids.length} tokens`,
    );
    if (!(off <= 1e-6)) process.exitCode = 1;
  }
}

async function compare(gpu: OpenDevice, name: string, folder: string, weights: "f32" | "f16"): Promise<void> {
  const { family, config } = await readModel(folder, standard);
  const ids = TOKENS.map((id) => id % config.n_vocab);
  const began = performance.now();
  const want = referenceLogits(folder, ids, { half: weights === "f16" });
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  const { plan } = compileModel(family, shortenContext(config, Math.min(config.n_ctx, 64)), {
    target: targetForAdapter(gpu.adapter),
    weights,
  });
  const source = await openCheckpoint(folder);
  const model = await Model.load(gpu, plan, source).finally(() => source.close());
  const session = await model.session();
  let all = 0;
  for await (const { start, logits } of session.feedAll(ids))
    all = Math.max(all, farthest(logits, want, start * config.n_vocab));
  const row = (i: number) => i * config.n_vocab;
  await session.reset();
  const prefill = farthest(await session.feed(ids.slice(0, -1)), want, row(ids.length - 2));
  const decode = farthest(await session.feed(ids.slice(-1)), want, row(ids.length - 1));
  await model.close();
  const largest = want.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const relative = Math.max(all, prefill, decode) / largest;
  if (!(relative <= ALLOWED)) process.exitCode = 1;
  const parts = [all, prefill, decode].map((e) => e.toExponential(1)).join(", ");
  console.log(
    `${name.padEnd(12)} ${weights}  max |error| / max |logit| ${relative.toExponential(1)}  (|error| ${parts} for all at once, prefill, decode; |logit| ${largest.toFixed(3)}; f64 in ${seconds} s)${relative <= ALLOWED ? "" : "  TOO LARGE"}`,
  );
}

const gpu = await openDawn({ quiet: true });
for (const name of models) {
  const folder = await folderOf(name);
  if (existsSync(join(folder, "reference.json"))) compareWithPublished(folder);
  for (const weights of dtypes) await compare(gpu, name, folder, weights);
}
console.log(`on ${printAdapter(gpu.adapter)}`);
gpu.close();
