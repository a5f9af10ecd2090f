// What a bundle is expected to be when `compile --check` is given a MODEL or options: where it differs from them.
import { join } from "node:path";
import { own, recipeOf, recipeTensors, type SymbolValues } from "../base/index.ts";
import { shortJson } from "../base/short-json.ts";
import { type Toolkit, targetByName } from "../codegen/index.ts";
import { type ModelConfig, type OpSet, printGraph, readFamilyConfig, shortenContext } from "../ir/index.ts";
import { bundleError } from "../runtime/errors.ts";
import {
  type BundlePlan,
  type BundleWeights,
  chunkOf,
  type GraphsSource,
  type ModelSource,
  symbolMaxima,
} from "../runtime/index.ts";
import { type AskedDType, chooseDType, storedDType } from "./check-checkpoint.ts";
import { isGraphFile, readGraphs } from "./graph-file.ts";
import { type Families, type ReadModel, readModel, withContext } from "./read-model.ts";
import { readIfThere } from "./text.ts";
import { findVocabulary } from "./vocabulary.ts";

/** What the user said; anything else may be as the bundle has it. */
export interface ExpectedBundle {
  readonly dtype?: AskedDType;
  readonly cacheDtype?: string;
  readonly context?: number;
  readonly model?: string | undefined;
  readonly name?: string;
  readonly target?: string;
  readonly variant?: readonly string[];
  readonly chunk?: number;
  readonly disablePass?: readonly string[];
  readonly packWeights?: boolean;
  readonly max?: SymbolValues;
  readonly weights?: string;
}

/** What plan.json records of the options; absent where it was not given. */
interface RecordedOptions {
  readonly target: string;
  readonly variants: readonly string[];
  readonly weights?: string;
  readonly caches?: string;
  readonly disable?: readonly string[];
}

/**
 * The model that a bundle was compiled from; `place` is what errors call its config.
 * @throws RuntimeError for a family that the toolkit does not have, CompileError for a config that is none of the family's.
 */
export function recordedModel(plan: BundlePlan, place: string, { families }: Families): ReadModel {
  const { family: name, config: recorded } = plan.source as ModelSource;
  const family = families.find((f) => f.name === name);
  if (!family)
    throw bundleError(
      place.replace(/config$/, "family"),
      `is ${shortJson(name)}, but the families are ${families.map((f) => f.name).join(", ")}`,
      "give the plugin that it was compiled with by --plugin",
    );
  // What is read back is checked; a checkpoint's config has no context shorter than its model's, and the bundle's may be.
  const config = readFamilyConfig(family, family.printConfig(recorded as ModelConfig), place);
  const { n_ctx } = recorded as ModelConfig;
  return {
    name: plan.name,
    family,
    config: n_ctx === config.n_ctx ? config : shortenContext(config, n_ctx),
    isPreset: true,
  };
}

const isPresetOf = (name: string, { families }: Families): boolean =>
  families.some((f) => Object.hasOwn(f.presets, name));

/** One sentence for each difference between the bundle of a model in `folder` and what is expected. */
export async function differences(
  folder: string,
  plan: BundlePlan,
  weights: BundleWeights,
  expected: ExpectedBundle,
  toolkit: Toolkit,
): Promise<readonly string[]> {
  const { model, context, chunk, dtype } = expected;
  const recorded = recordedModel(plan, `${folder}/plan.json source.config`, toolkit);
  const { config } = recorded;
  const found = new Differences();
  found.compare("--context", context, config.n_ctx);
  compareOptions(found, plan, weights, expected);
  // A chunk is never longer than the context.
  found.compare(
    "--chunk",
    chunk === undefined ? undefined : Math.min(chunk, config.n_ctx),
    chunkOf({ symbols: plan.symbols, entries: plan.variants[0]?.entries ?? [] }),
  );
  for (const option of ["max", "weights"] as const)
    if (expected[option] !== undefined) found.list.push(`--${option} is given, but the bundle is a model's`);
  if (dtype === "auto" && model !== undefined)
    found.compare(
      `--dtype auto of ${model}`,
      await chooseDType(dtype, { ...recorded, name: model, isPreset: isPresetOf(model, toolkit) }),
      recordedOptions(plan).dtype,
    );
  if (model !== undefined)
    found.list.push(...(await modelDifferences(folder, plan, recorded, expected, model, toolkit)));
  return found.list;
}

/** One sentence for each difference between a bundle of graphs and what is expected. */
export async function graphDifferences(
  plan: BundlePlan,
  { graphs }: GraphsSource,
  weights: BundleWeights,
  expected: ExpectedBundle,
  ops: OpSet,
): Promise<readonly string[]> {
  const { model, max, dtype } = expected;
  const found = new Differences();
  compareOptions(found, plan, weights, expected);
  for (const option of ["context", "chunk"] as const)
    if (expected[option] !== undefined) found.list.push(`--${option} is given, but the bundle is one of graphs`);
  for (const [name, value] of Object.entries(max ?? {}))
    found.compare(`--max ${name}`, value, own(symbolMaxima(plan), name) ?? "none");
  if (dtype === "auto" && expected.weights !== undefined)
    found.compare(
      `--dtype auto of ${expected.weights}`,
      await storedDType(
        expected.weights,
        new Set(weights.tensors.flatMap((t) => recipeTensors(recipeOf(t)).map(({ name }) => name))),
      ),
      recordedOptions(plan).dtype,
    );
  if (expected.weights !== undefined && !weights.shards)
    found.list.push("--weights is given, but the bundle holds no weights");
  if (model === undefined) return found.list;
  if (!(await isGraphFile(model)))
    return [...found.list, `${model} is no file of graphs, but the bundle is one of graphs`];
  const read = (await readGraphs(model, ops)).map((g) => [g.name, printGraph(g)] as const);
  const names = (list: readonly string[]) => list.join(", ");
  found.compare(`the graphs' names in ${model}`, names(read.map(([n]) => n)), names(graphs.map((g) => g.name)));
  for (const [name, text] of read)
    if (graphs.some((g) => g.name === name && g.graph !== text))
      found.list.push(`${name} in ${model} is another graph`);
  return found.list;
}

class Differences {
  readonly list: string[] = [];
  compare(option: string, wanted: unknown, is: unknown): void {
    if (wanted !== undefined && String(wanted) !== String(is))
      this.list.push(`${option} is ${wanted}, but the bundle's is ${is}`);
  }
}

/** Options that every bundle has. */
function compareOptions(found: Differences, plan: BundlePlan, weights: BundleWeights, expected: ExpectedBundle): void {
  const recorded = recordedOptions(plan);
  found.compare("--name", expected.name, plan.name);
  const asked = expected.target === undefined ? undefined : targetByName(expected.target).name;
  found.compare("--target", asked, targetByName(recorded.target).name);
  found.compare("--variant", expected.variant, recorded.variants);
  if (expected.dtype !== "auto") found.compare("--dtype", expected.dtype, recorded.dtype);
  found.compare("--cache-dtype", expected.cacheDtype, recorded.caches ?? "f32");
  found.compare("--disable-pass", passes(expected.disablePass), passes(recorded.disable ?? []));
  if (expected.packWeights && !weights.shards)
    found.list.push("--pack-weights is given, but the bundle holds no weights");
}

const recordedOptions = (plan: BundlePlan): RecordedOptions & { readonly dtype: string } => {
  const recorded = plan.source.options as RecordedOptions;
  return { ...recorded, dtype: recorded.weights ?? "f32" };
};

const passes = (names: readonly string[] | undefined): string | undefined =>
  names && ([...new Set(names)].sort().join() || "none");

async function modelDifferences(
  folder: string,
  plan: BundlePlan,
  { family, config }: ReadModel,
  { context }: ExpectedBundle,
  model: string,
  toolkit: Families,
): Promise<readonly string[]> {
  const read = withContext(await readModel(model, toolkit), context);
  if (read.family !== family)
    return [`${model} is of the family ${read.family.name}, but the bundle of ${family.name}`];
  const { config: whole, found: tokenizer } = await findVocabulary(read, "");
  // A bundle's context may be shorter than its model's, unless one is asked for; that has a line of its own.
  const wanted = context === undefined && config.n_ctx > whole.n_ctx ? whole : { ...whole, n_ctx: config.n_ctx };
  const keys = new Set([...Object.keys(wanted), ...Object.keys(config)]);
  const readKey = (c: object, key: string): unknown => Object.entries(c).find(([k]) => k === key)?.[1];
  const show = (value: unknown): string => (value === undefined ? "none" : shortJson(value));
  const found = [...keys]
    .map((key) => [key, readKey(wanted, key), readKey(config, key)] as const)
    .filter(([, ours, theirs]) => JSON.stringify(ours) !== JSON.stringify(theirs))
    .map(([key, ours, theirs]) => `${model} has ${key} ${show(ours)}, but the bundle ${show(theirs)}`);
  return [...found, ...(await tokenizerDifferences(folder, plan, model, tokenizer?.bundleFiles() ?? new Map()))];
}

async function tokenizerDifferences(
  folder: string,
  plan: BundlePlan,
  model: string,
  wanted: ReadonlyMap<string, string>,
): Promise<readonly string[]> {
  const found: string[] = [];
  const held = (plan.tokenizer ?? []).map(({ file }) => file);
  for (const name of new Set([...wanted.keys(), ...held])) {
    const text = held.includes(name) ? await readIfThere(join(folder, name)) : undefined;
    if (text !== wanted.get(name)) found.push(`${name} is not what ${model} gives`);
  }
  return found;
}
