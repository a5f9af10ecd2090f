// A user's program: text from a bundle that was compiled before. It loads the runtime, and no compiler.
//
// In node_modules/wgpt (in a clone, `npm run wgpt --` in place of `npx wgpt`):
//   npx wgpt compile models/shakespeare --name shakespeare --pack-weights --out examples/shakespeare
//   npx tsx examples/07-run-a-bundle.ts "JULIET:"
import { load } from "./shakespeare/index.js";

const [prompt = "ROMEO:\n"] = process.argv.slice(2);
const model = await load();
const { facts, variant, adapter } = model;
console.error(`${facts.name}, ${facts.n_layer} layers, kernels of ${variant}, on ${adapter.description}`);
const steps = model.generate(prompt, { maxNewTokens: 60, temperature: 0.8, topK: 40, seed: 1 });
for await (const { text } of steps) process.stdout.write(text);
console.log();

await model.close();
