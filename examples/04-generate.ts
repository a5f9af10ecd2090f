// Text from a checkpoint, by the library: the embedded model, or any folder with config.json, model.safetensors and a
// tokenizer.
//
//   npx tsx examples/04-generate.ts
//   npx tsx examples/04-generate.ts path/to/gpt2 "The meaning of life is"
import { readFile } from "node:fs/promises";
import { compileGpt2, targetForAdapter } from "wgpt/codegen";
import { readGpt2Config } from "wgpt/ir";
import { generate, loadTokenizer, Model, openCheckpoint, openDawn } from "wgpt/runtime";

const [folder = "models/shakespeare", prompt = "ROMEO:\n"] = process.argv.slice(2);

const config = readGpt2Config(JSON.parse(await readFile(`${folder}/config.json`, "utf8")));
const tokenizer = await loadTokenizer(folder);
if (!tokenizer) throw new Error(`${folder} has no tokenizer`);
const gpu = await openDawn();
const { plan } = compileGpt2(config, { target: targetForAdapter(gpu.adapter) });
const weights = await openCheckpoint(folder);
const model = await Model.load(gpu, plan, weights);
const settings = { maxNewTokens: 60, temperature: 0.8, topK: 40, seed: 1 };
for await (const { text } of generate(model, tokenizer, tokenizer.encode(prompt), settings)) process.stdout.write(text);
console.log();

model.destroy();
gpu.close();
await weights.close();
