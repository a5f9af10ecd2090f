import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { Command } from "commander";
import { compileGpt2, targetByName } from "../codegen/index.ts";
import { printGraph } from "../ir/index.ts";
import { dumper } from "../passes/index.ts";
import { RuntimeError } from "../runtime/index.ts";
import { readConfig } from "./open-model.ts";
import { collect, wholeNumber } from "./usage.ts";

interface Options {
  readonly out: string;
  readonly target: string;
  readonly chunk?: number;
  readonly disablePass: readonly string[];
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
  .option("--chunk <n>", "tokens of one prefill call", wholeNumber)
  .option("--disable-pass <name>", "leave a pass out; may be given several times", collect, [])
  .option("--dump <dir>", "also write the graph of every entry point after every pass")
  .action(run);

async function run(model: string, options: Options): Promise<void> {
  const target = targetByName(options.target);
  const dumps = new Map<string, string>();
  const compiled = compileGpt2(await readConfig(model), {
    target,
    disable: options.disablePass,
    ...(options.chunk === undefined ? {} : { chunk: options.chunk }),
    ...(options.dump === undefined
      ? {}
      : { observe: (entry: string) => [dumper((name, text) => dumps.set(join(entry, name), text))] }),
  });
  const { plan, entries } = compiled;
  const files = new Map<string, string>(plan.kernels.map((k) => [join("kernels", `${k.name}.wgsl`), k.wgsl]));
  files.set("plan.json", `${JSON.stringify(plan, undefined, 1)}\n`);
  files.set("graph.txt", entries.map((e) => `# ${e.name}\n${printGraph(e.fused)}`).join("\n"));
  const bytes = await writeFolder(options.out, files, ["kernels", "plan.json", "graph.txt"]);
  if (options.dump !== undefined) await writeFolder(options.dump, dumps, []);
  process.stdout.write(
    `${options.out}: ${plan.kernels.length} kernels, ${bytes} bytes in ${files.size} files, for ${target.name}\n`,
  );
  for (const e of plan.entries) process.stdout.write(`  ${e.name}: ${e.steps.length} dispatches\n`);
}

/**
 * Writes the files beside the folder and puts it in place at the end, so that a failure leaves the old one. `own` names
 * what an older bundle consists of: a folder with anything else in it is not replaced.
 */
async function writeFolder(
  folder: string,
  files: ReadonlyMap<string, string>,
  own: readonly string[],
): Promise<number> {
  const there = await readdir(folder).catch(() => []);
  const foreign = own.length === 0 ? undefined : there.find((name) => !own.includes(name));
  if (foreign !== undefined)
    throw new RuntimeError(folder, `holds ${foreign}, which no bundle does`, "give a new folder, or an older bundle's");
  const whole = resolve(folder);
  const temporary = join(dirname(whole), `.${basename(whole)}.${process.pid}.part`);
  try {
    let bytes = 0;
    for (const [name, text] of files) {
      const path = join(temporary, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
      bytes += Buffer.byteLength(text);
    }
    await rm(whole, { recursive: true, force: true });
    await rename(temporary, whole);
    return bytes;
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    if (error instanceof Error && "code" in error)
      throw new RuntimeError(
        folder,
        `can't be written: ${error.message}`,
        "the folder above it must exist and be writable",
      );
    throw error;
  }
}
