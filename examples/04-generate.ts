// Text from a checkpoint, by the library: the embedded model, or any folder with config.json, model.safetensors and a
// tokenizer.
//
//   npx tsx examples/04-generate.ts
//   npx tsx examples/04-generate.ts path/to/gpt2 "The meaning of life is"
import { openModel } from "wgpt/engine";

const [folder, prompt = "ROMEO:\n"] = process.argv.slice(2);

const model = await openModel(folder);
const session = await model.session();
const settings = { maxNewTokens: 60, temperature: 0.8, topK: 40, seed: 1 };
for await (const { text } of session.generate(prompt, settings)) process.stdout.write(text);
console.log();

await model.close();
