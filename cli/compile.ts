import { join } from "node:path";
import { Command } from "commander";
import { compileGpt2, targetByName } from "../codegen/index.ts";
import { printGraph } from "../ir/index.ts";
import { dumper } from "../passes/index.ts";
import { chooseDType } from "./check-checkpoint.ts";
import { contextOption, dtypeOption, type MemoryOptions, withContext } from "./memory-options.ts";
import { readConfig } from "./open-model.ts";
import { BUNDLE, DUMP, refuseForeign, replaceFolder } from "./output-folder.ts";
import { collect, wholeNumber } from "./usage.ts";

interface Options extends MemoryOptions {
  readonly out: string;
  readonly target: string;
  readonly chunk?: number;
  readonly disablePass?: readonly string[];
  readonly dump?: string;
}

export const compileCommand = new Command("compile")
  .summary("write kernels and plan as files")
  .description(
    "Compiles MODEL, a preset or a checkpoint folder, to files: kernels/*.wgsl, plan.json and graph.txt. Needs no GPU and no weights.",
  )
  .argument(
    "<model>",
    "a preset (gpt2, gpt2-medium, gpt2-large, gpt2-xl, gpt2-xl-overview) or a folder with config.json",
  )
  .requiredOption("--out <dir>", "the folder to write; an older bundle in it is replaced")
  .option("--target <name>", "what the kernels may count on", "webgpu-default")
  .addOption(dtypeOption())
  .addOption(contextOption())
  .option("--chunk <n>", "tokens of one prefill call", wholeNumber)
  .option("--disable-pass <name>", "leave a pass out; may be given several times", collect)
  .option("--dump <dir>", "also write the graph of every entry point after every pass")
  .action(run);

async function run(model: string, options: Options): Promise<void> {
  await refuseForeign(options.out, BUNDLE);
  if (options.dump !== undefined) await refuseForeign(options.dump, DUMP);
  const target = targetByName(options.target);
  const dumps = new Map<string, string>();
  const config = withContext(await readConfig(model), options.context);
  const compiled = compileGpt2(config, {
    target,
    weights: await chooseDType(options.dtype, model, config),
    disable: options.disablePass ?? [],
    ...(options.chunk === undefined ? {} : { chunk: options.chunk }),
    ...(options.dump === undefined
      ? {}
      : { observe: (entry: string) => [dumper((name, text) => dumps.set(join(entry, name), text))] }),
  });
  const { plan, entries } = compiled;
  const files = new Map<string, string>(plan.kernels.map((k) => [join("kernels", `${k.name}.wgsl`), k.wgsl]));
  files.set("plan.json", `${JSON.stringify(plan, undefined, 1)}\n`);
  files.set("graph.txt", entries.map((e) => `# ${e.name}\n${printGraph(e.fused)}`).join("\n"));
  const bytes = await replaceFolder(options.out, files);
  if (options.dump !== undefined) await replaceFolder(options.dump, dumps);
  process.stdout.write(
    `${options.out}: ${plan.kernels.length} kernels, ${bytes} bytes in ${files.size} files, for ${target.name}\n`,
  );
  for (const e of plan.entries) process.stdout.write(`  ${e.name}: ${e.steps.length} dispatches\n`);
}
