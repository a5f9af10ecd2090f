// Two variants of a model, A with all passes and B without some, on one copy of the weights: what B's passes gain, and that the
// logits stay.
//
//   npx tsx examples/08-compare-variants.ts
//   npx tsx examples/08-compare-variants.ts path/to/gpt2 fuse-pointwise fuse-gelu
import { readFile } from "node:fs/promises";
import { compileGpt2, targetForAdapter } from "wgpt/codegen";
import { embeddedModel } from "wgpt/engine";
import { readGpt2Config } from "wgpt/ir";
import {
  drawAhead,
  LoadedPlan,
  Model,
  memoryNeed,
  openCheckpoint,
  openDawn,
  printAdapter,
  printBytes,
  uploadWeights,
} from "wgpt/runtime";

const [folder = await embeddedModel(), ...disabled] = process.argv.slice(2);
const disable = disabled.length > 0 ? disabled : ["fuse-attention"];

const config = readGpt2Config(JSON.parse(await readFile(`${folder}/config.json`, "utf8")));
const gpu = await openDawn();
const compile = (without: readonly string[]) =>
  compileGpt2(config, { target: targetForAdapter(gpu.adapter), disable: without }).plan;
const plans = { A: compile([]), B: compile(disable) };

// One copy of the weights for both, as both store them alike; each way of storing one once, where they do not.
const source = await openCheckpoint(folder);
const weights = await uploadWeights(gpu, Object.values(plans), source);
await source.close();

const prompt = Array.from({ length: 16 }, (_, i) => (31 * i) % config.n_vocab);
const logits: Float32Array[] = [];
for (const [name, plan] of Object.entries(plans)) {
  const loaded = await LoadedPlan.load(plan, weights);
  const model = Model.on(loaded);
  const session = await model.session(); // a sequence of its own; more of them could run beside it
  logits.push((await session.feed(prompt)).slice());
  const count = 32;
  await session.reset();
  const times: number[] = [];
  for await (const _ of drawAhead(session, prompt, { temperature: 0, seed: 1, count })) times.push(performance.now());
  const ms = ((times.at(-1) ?? 0) - (times[0] ?? 0)) / (count - 1);
  const { total } = memoryNeed(plan, { sharesWeights: true });
  const kernels = `${model.dispatchesPerToken} dispatches, ${ms.toFixed(2)} ms a token`;
  console.log(`${name}: ${kernels}, ${printBytes(total)} beside the weights`);
  await model.close();
  loaded.close();
}
const [a, b] = logits;
const off = a?.map((x, i) => Math.abs(x - (b?.[i] ?? Number.NaN))) ?? [];
console.log(`B is A without ${disable.join(", ")}; both read the same ${printBytes(weights.bufferBytes)} of weights`);
console.log(`largest difference of their logits: ${Math.max(...off).toExponential(1)}`);
console.log(`on ${printAdapter(gpu.adapter)}`);
weights.close();
gpu.close();
