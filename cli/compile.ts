import { basename } from "node:path";
import { Command, Option } from "commander";
import { bundleTexts, compileBundle, targetByName, VARIANTS, type VariantName } from "../codegen/index.ts";
import { type Gpt2Config, isPreset, unreachable } from "../ir/index.ts";
import { dumper } from "../passes/index.ts";
import { openCheckpoint, type PlanWeight, printBytes, RuntimeError } from "../runtime/index.ts";
import { checkBundle } from "./check-bundle.ts";
import { checkCheckpoint, chooseDType } from "./check-checkpoint.ts";
import { printWarning } from "./errors.ts";
import { BUNDLE, DUMP } from "./folder-kinds.ts";
import { interruptible } from "./interruption.ts";
import { contextOption, dtypeOption, type MemoryOptions, withContext } from "./memory-options.ts";
import { modelPaths } from "./model-paths.ts";
import { claimFolders, replaceFolders } from "./output-folder.ts";
import { type Packed, packWeights } from "./pack-weights.ts";
import { loadToolkit, type PluginOptions, pluginOption } from "./plugins.ts";
import { progressBar } from "./progress-bar.ts";
import { readConfig } from "./read-config.ts";
import { collect, filePath, wholeNumber } from "./usage.ts";
import { findVocabulary } from "./vocabulary.ts";

interface Options extends MemoryOptions, PluginOptions {
  readonly out?: string;
  readonly check?: string;
  readonly verify?: boolean;
  readonly name?: string;
  readonly target: string;
  readonly variant?: readonly VariantName[];
  readonly chunk?: number;
  readonly packWeights?: boolean;
  readonly disablePass?: readonly string[];
  readonly dump?: string;
}

export const compileCommand = new Command("compile")
  .summary("write kernels, plan and a typed module as files")
  .description(
    "Compiles MODEL, a preset or a checkpoint folder, to a bundle: index.ts with .js and .d.ts, plan.json, weights.json, kernels/*.wgsl and graph.txt. Needs no GPU, and no weights unless they are packed.",
  )
  .argument(
    "[model]",
    "a preset (gpt2, gpt2-medium, gpt2-large, gpt2-xl, gpt2-xl-overview) or a folder with config.json",
    filePath,
  )
  .option("--out <dir>", "the folder to write; an older bundle in it is replaced", filePath)
  .option("--check <dir>", "write nothing; fail unless the bundle in DIR is what would be written today", filePath)
  .option("--verify", "with --check: compare packed weights with their SHA-256 as well")
  .option("--name <name>", "what the module calls the model (default: gpt2)")
  .option("--target <name>", "what the kernels may count on", "webgpu-default")
  .addOption(
    new Option(
      "--variant <name>",
      "compile this variant; may be given several times (default: all but subgroup-matrix, which no adapter has run yet)",
    )
      .choices(Object.keys(VARIANTS))
      .argParser((name: string, before: readonly string[] = []) => collect(variantName(name), before)),
  )
  .addOption(dtypeOption())
  .addOption(contextOption())
  .option("--chunk <n>", "tokens of one prefill call", wholeNumber)
  .option("--pack-weights", "write the weights too, as the plan stores them, in shards with their SHA-256")
  .addOption(pluginOption())
  .option("--disable-pass <name>", "leave a pass out; may be given several times", collect)
  .option("--dump <dir>", "also write the graph of every entry point after every pass", filePath)
  .action(run);

function variantName(name: string): string {
  if (Object.hasOwn(VARIANTS, name)) return name;
  throw new RuntimeError(
    "--variant",
    `there is no variant ${name}`,
    `variants are ${Object.keys(VARIANTS).join(", ")}`,
  );
}

async function run(model: string | undefined, options: Options, command: Command): Promise<void> {
  if (options.check !== undefined) return check(options.check, model, options, command);
  if (options.verify) throw new RuntimeError("--verify", "is given without --check DIR", "say which bundle to check");
  if (model === undefined || options.out === undefined)
    throw new RuntimeError(
      "compile",
      model === undefined ? "there is no model to compile" : "there is no folder to write to",
      "give MODEL and --out DIR, or --check DIR",
    );
  const { out } = options;
  await interruptible((signal) => compile(model, out, options, signal));
}

/** What the user said of the bundle, beside MODEL. Defaults say nothing. */
const EXPECTED = ["name", "target", "variant", "dtype", "context", "chunk", "packWeights", "disablePass"] as const;

async function check(folder: string, model: string | undefined, options: Options, command: Command): Promise<void> {
  const writing = options.out !== undefined ? "--out" : options.dump !== undefined ? "--dump" : undefined;
  if (writing !== undefined)
    throw new RuntimeError(
      "--check",
      `is given, but so is ${writing}, and checking writes nothing`,
      "give one of them",
    );
  const said = EXPECTED.filter((name) => command.getOptionValueSource(name) === "cli");
  const expected = Object.fromEntries(said.map((name) => [name, options[name]]));
  const { texts, shards, unverified } = await checkBundle(
    folder,
    options.verify === true,
    { ...expected, model },
    await loadToolkit(options.plugin),
  );
  const weights = shards === 0 ? "" : `, and ${shards} ${shards === 1 ? "shard" : "shards"} of weights`;
  const left = unverified ? `; whether its weights are those of ${model}, --verify says` : "";
  process.stdout.write(`${folder}: up to date, all ${texts} files${weights}${left}\n`);
}

async function compile(model: string, out: string, options: Options, signal: AbortSignal): Promise<void> {
  const began = performance.now();
  const toolkit = await loadToolkit(options.plugin);
  const read = withContext(await readConfig(model), options.context);
  const [folder, dump] = await claimFolders(
    [{ path: out, kind: BUNDLE }, ...(options.dump === undefined ? [] : [{ path: options.dump, kind: DUMP }])],
    await modelPaths(model),
  );
  if (!folder) return unreachable("a folder that was not claimed");
  const { found, config, warnings } = await findVocabulary(model, read, "the bundle has no tokenizer");
  const tokenizer = found?.bundleFiles();
  const dumps = new Map<string, string>();
  const bundle = compileBundle(config, {
    target: targetByName(options.target),
    toolkit,
    weights: await chooseDType(options.dtype, model, config),
    ...(options.name !== undefined && { name: options.name }),
    ...(options.variant && { variants: options.variant }),
    ...(options.chunk !== undefined && { chunk: options.chunk }),
    ...(options.disablePass && { disable: options.disablePass }),
    ...(tokenizer && { tokenizer: [...tokenizer.keys()] }),
    ...(options.dump !== undefined && {
      observe: (entry: string) => [dumper((name, text) => dumps.set(`${entry}/${name}`, text))],
    }),
  });
  let packed: Packed | undefined;
  const files = async (temporary: string): Promise<ReadonlyMap<string, string>> => {
    if (options.packWeights) packed = await pack(temporary, model, config, bundle.weights.tensors, signal);
    signal.throwIfAborted();
    const weights = { ...bundle.weights, ...(packed && { shards: packed.shards }) };
    return new Map([...(await bundleTexts({ ...bundle, weights })), ...(tokenizer ?? [])]);
  };
  const [bytes] = await replaceFolders([{ folder, files }, ...(dump ? [{ folder: dump, files: dumps }] : [])]);
  warnings.forEach(printWarning);
  for (const { weight, count } of packed?.notFinite ?? [])
    printWarning(`${model}: ${weight} holds ${count} values that are not finite`);
  const packedBytes = packed?.shards.reduce((n, s) => n + s.bytes, 0) ?? 0;
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const { variants } = bundle.plan;
  process.stderr.write(`[${seconds} s]\n`);
  process.stdout.write(
    `${out}: ${bundle.kernels.size} kernels in ${variants.length} ${variants.length === 1 ? "variant" : "variants"}, ${bytes} bytes of text${packedBytes > 0 ? ` and ${printBytes(packedBytes)} of weights` : ""}, for ${options.target}\n`,
  );
  for (const v of variants) {
    const entries = v.entries.map((e) => `${e.name} ${e.steps.length}`).join(", ");
    const needs = v.requiredFeatures.length === 0 ? "" : `, needs ${v.requiredFeatures.join(", ")}`;
    process.stdout.write(`  ${v.name}: dispatches of ${entries}${needs}\n`);
  }
}

async function pack(
  folder: string,
  model: string,
  config: Gpt2Config,
  tensors: readonly PlanWeight[],
  signal: AbortSignal,
): Promise<Packed> {
  if (isPreset(model))
    throw new RuntimeError(
      "--pack-weights",
      `${model} is a preset, which has no weights`,
      "give a checkpoint's folder, or make one with `wgpt make-checkpoint`",
    );
  const source = await openCheckpoint(model);
  const bar = progressBar("packing", basename(model));
  try {
    await checkCheckpoint(config, source, model);
    return await packWeights(folder, tensors, source, { signal, onProgress: bar?.update });
  } finally {
    bar?.stop();
    await source.close();
  }
}
