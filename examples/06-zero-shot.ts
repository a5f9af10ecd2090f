// Prompting as GPT-2 is used: summarise, translate, answer, learn from examples. The embedded Shakespeare model, with 1.35
// million parameters, shows the mechanics only; answers that make sense need GPT-2 XL's own weights (--model).
//
//   npx tsx examples/06-zero-shot.ts --task tldr
//   npx tsx examples/06-zero-shot.ts --task summarize --model path/to/gpt2-xl article.txt
//   echo "Where is my umbrella?" | npx tsx examples/06-zero-shot.ts --task translate --model path/to/gpt2-xl -
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { text as readAll } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { embeddedModel, openModel } from "wgpt/engine";
import { TASKS } from "./tasks.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { task: { type: "string", default: "tldr" }, model: { type: "string" } },
});
const folder = values.model ?? (await embeddedModel());
const task = TASKS[values.task];
if (!task) throw new Error(`there is no task ${values.task}; tasks are ${Object.keys(TASKS).join(", ")}`);
const [file] = positionals;
const given =
  file === undefined ? task.sample : file === "-" ? await readAll(process.stdin) : await readFile(file, "utf8");

const model = await openModel(folder);
const { tokenizer, facts } = model;
if (!tokenizer) throw new Error(`${folder} has no tokenizer`);

const [before, middle, after] = [task.before, given.trim(), task.after].map((part) => tokenizer.encode(part));
if (!before || !middle || !after) throw new Error("a prompt has three parts");
const room = facts.n_ctx - task.maxNewTokens - before.length - after.length;
if (room < 1) throw new Error(`the context of ${facts.n_ctx} tokens is too short for this task`);
const prompt = [...before, ...middle.slice(0, room), ...after];
if (middle.length > room) console.error(`the text has ${middle.length} tokens; the first ${room} are used`);

const session = await model.session();
console.log(`# ${values.task}: ${task.about}\n${tokenizer.decode(prompt)}`);
// The end-of-text token ends an answer too.
const stopTokens = tokenizer.eosToken === undefined ? [] : [tokenizer.eosToken];
let answer = "";
for await (const { text } of session.generate(prompt, { ...task, seed: 1, stopTokens })) answer += text;
console.log(`# ${basename(folder)} answers\n${answer.trim() || "(nothing: the line ended at once)"}`);

await model.close();
