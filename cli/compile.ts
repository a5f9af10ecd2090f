import { Command, Option } from "commander";
import { bundleTexts, standard, targetByName, VARIANTS, type VariantName } from "../codegen/index.ts";
import { checkBundle, isGraphFile, type Packed, presetNames } from "../engine/index.ts";
import { unreachable } from "../ir/index.ts";
import { dumper } from "../passes/index.ts";
import { printBytes, RuntimeError } from "../runtime/index.ts";
import { graphSource, modelSource, type SourceOptions } from "./compile-source.ts";
import { counted } from "./counted.ts";
import { printWarning } from "./errors.ts";
import { BUNDLE, DUMP } from "./folder-kinds.ts";
import { maxOption } from "./max-option.ts";
import { cacheDtypeOption, contextOption, dtypeOption } from "./memory-options.ts";
import { claimFolders, replaceFolders } from "./output-folder.ts";
import { loadToolkit, type PluginOptions, pluginOption } from "./plugins.ts";
import { targetOption } from "./target-option.ts";
import { printLines } from "./terminal.ts";
import { collect, filePath, wholeNumber } from "./usage.ts";

interface Options extends SourceOptions, PluginOptions {
  readonly out?: string;
  readonly check?: string;
  readonly verify?: boolean;
  readonly name?: string;
  readonly target: string;
  readonly variant?: readonly VariantName[];
  readonly disablePass?: readonly string[];
  readonly dump?: string;
}

export const compileCommand = new Command("compile")
  .summary("write kernels, plan and a typed module as files")
  .description(
    "Compiles MODEL, a preset, a checkpoint folder or a file of graphs, to a bundle: index.ts with .js and .d.ts, plan.json, weights.json, kernels/*.wgsl and graph.txt. Each graph of a file becomes a function of the bundle's module. Needs no GPU, and no weights unless they are packed.",
  )
  .argument(
    "[model]",
    `a preset (${presetNames(standard)}), a folder with config.json, or a file of graphs in the text form`,
    filePath,
  )
  .option("--out <dir>", "the folder to write; an older bundle in it is replaced", filePath)
  .option("--check <dir>", "write nothing; fail unless the bundle in DIR is what would be written today", filePath)
  .option("--verify", "with --check: compare packed weights with their SHA-256 as well")
  .option("--name <name>", "what the module calls the model (default: the family's name, or the file's)")
  .addOption(targetOption())
  .addOption(
    new Option(
      "--variant <name>",
      "compile this variant; may be given several times (default: all but subgroup-matrix, which no adapter has run yet)",
    )
      .choices(Object.keys(VARIANTS))
      .argParser((name: string, before: readonly string[] = []) => collect(variantName(name), before)),
  )
  .addOption(dtypeOption())
  .addOption(cacheDtypeOption())
  .addOption(contextOption())
  .option("--chunk <n>", "tokens of one prefill call", wholeNumber)
  .addOption(maxOption())
  .option(
    "--weights <path>",
    "pack the weights of a file of graphs from this safetensors file or checkpoint folder",
    filePath,
  )
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
  await compile(model, options.out, options);
}

/** The options that the user gave besides MODEL; those left at their defaults are absent. */
const EXPECTED = [
  ...(["name", "target", "variant", "dtype", "cacheDtype", "context", "chunk", "packWeights", "disablePass"] as const),
  ...(["max", "weights"] as const),
];

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
  const weights = shards === 0 ? "" : `, and ${counted(shards, "shard")} of weights`;
  const left = unverified ? `; whether its weights are those of ${model}, --verify says` : "";
  printLines(`${folder}: up to date, all ${texts} files${weights}${left}\n`);
}

async function compile(model: string, out: string, options: Options): Promise<void> {
  const began = performance.now();
  const toolkit = await loadToolkit(options.plugin);
  const source = (await isGraphFile(model))
    ? await graphSource(model, options, toolkit)
    : await modelSource(model, options, toolkit);
  const [folder, dump] = await claimFolders(
    [{ path: out, kind: BUNDLE }, ...(options.dump === undefined ? [] : [{ path: options.dump, kind: DUMP }])],
    source.reads,
  );
  if (!folder) return unreachable("a folder that was not claimed");
  const dumps = new Map<string, string>();
  const bundle = await source.compile({
    target: targetByName(options.target),
    toolkit,
    ...(options.name !== undefined && { name: options.name }),
    ...(options.variant && { variants: options.variant }),
    ...(options.disablePass && { disable: options.disablePass }),
    ...(options.dump !== undefined && {
      observe: (entry: string) => [dumper((name, text) => dumps.set(`${entry}/${name}`, text))],
    }),
  });
  let packed: Packed | undefined;
  const files = async (made: string): Promise<ReadonlyMap<string, string>> => {
    packed = await source.pack?.(made, bundle.weights.tensors);
    const weights = { ...bundle.weights, ...(packed && { shards: packed.shards }) };
    return bundleTexts({ ...bundle, weights });
  };
  const [bytes] = await replaceFolders([{ folder, files }, ...(dump ? [{ folder: dump, files: dumps }] : [])]);
  source.warnings.forEach(printWarning);
  for (const { weight, count } of packed?.notFinite ?? [])
    printWarning(`${model}: ${weight} holds ${count} values that are not finite`);
  const packedBytes = packed?.shards.reduce((n, s) => n + s.bytes, 0) ?? 0;
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const { variants } = bundle.plan;
  printLines(
    `${out}: ${counted(bundle.kernels.size, "kernel")} in ${counted(variants.length, "variant")}, ${bytes} bytes of text${packedBytes > 0 ? ` and ${printBytes(packedBytes)} of weights` : ""}, for ${bundle.plan.target}\n`,
  );
  for (const v of variants) {
    const entries = v.entries.map((e) => `${e.name} ${e.steps.length}`).join(", ");
    const needs = v.requiredFeatures.length === 0 ? "" : `, needs ${v.requiredFeatures.join(", ")}`;
    printLines(`  ${v.name}: dispatches of ${entries}${needs}\n`);
  }
  process.stderr.write(`[${seconds} s]\n`);
}
