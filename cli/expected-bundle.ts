// What a bundle is expected to be when `compile --check` is given a MODEL or options: where it differs from them.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Gpt2Config, readGpt2Config, shortenContext } from "../ir/index.ts";
import { type BundlePlan, type BundleWeights, symbolMaxima } from "../runtime/index.ts";
import { chooseDType } from "./check-checkpoint.ts";
import { type MemoryOptions, withContext } from "./memory-options.ts";
import { readConfig } from "./read-config.ts";
import { findVocabulary } from "./vocabulary.ts";

/** What the user said; anything else may be as the bundle has it. */
export interface ExpectedBundle extends Partial<MemoryOptions> {
  readonly model?: string | undefined;
  readonly name?: string;
  readonly target?: string;
  readonly variant?: readonly string[];
  readonly chunk?: number;
  readonly disablePass?: readonly string[];
  readonly packWeights?: boolean;
}

/** What plan.json records of the options; absent where it was not given. */
interface RecordedOptions {
  readonly target: string;
  readonly variants: readonly string[];
  readonly weights?: string;
  readonly disable?: readonly string[];
}

/** The config that a bundle was compiled from; `place` is what errors call it. */
export function recordedConfig(plan: BundlePlan, place: string): Gpt2Config {
  const recorded = plan.source.config as Gpt2Config;
  // It says both: a checkpoint's config has no context shorter than its table of positions.
  return shortenContext(readGpt2Config(recorded, place), recorded.n_ctx);
}

/** One sentence for each difference between the bundle in `folder` and what is expected. */
export async function differences(
  folder: string,
  plan: BundlePlan,
  weights: BundleWeights,
  expected: ExpectedBundle,
): Promise<readonly string[]> {
  const { model, context, chunk, dtype } = expected;
  const config = recordedConfig(plan, `${folder}/plan.json source.config`);
  const recorded = plan.source.options as RecordedOptions;
  const found: string[] = [];
  const compare = (option: string, wanted: unknown, is: unknown): void => {
    if (wanted !== undefined && String(wanted) !== String(is))
      found.push(`${option} is ${wanted}, but the bundle's is ${is}`);
  };
  compare("--context", context, config.n_ctx);
  compare("--name", expected.name, plan.name);
  compare("--target", expected.target, recorded.target);
  compare("--variant", expected.variant, recorded.variants);
  // A chunk is never longer than the context.
  compare("--chunk", chunk === undefined ? undefined : Math.min(chunk, config.n_ctx), symbolMaxima(plan)["T"]);
  const isDType = recorded.weights ?? "f32";
  if (dtype !== "auto") compare("--dtype", dtype, isDType);
  else if (model !== undefined) compare(`--dtype auto of ${model}`, await chooseDType(dtype, model, config), isDType);
  compare("--disable-pass", passes(expected.disablePass), passes(recorded.disable ?? []));
  if (expected.packWeights && !weights.shards) found.push("--pack-weights is given, but the bundle holds no weights");
  if (model !== undefined) found.push(...(await modelDifferences(folder, plan, config, expected, model)));
  return found;
}

const passes = (names: readonly string[] | undefined): string | undefined =>
  names && ([...new Set(names)].sort().join() || "none");

async function modelDifferences(
  folder: string,
  plan: BundlePlan,
  config: Gpt2Config,
  { context }: ExpectedBundle,
  model: string,
): Promise<readonly string[]> {
  const { config: whole, found: tokenizer } = await findVocabulary(
    model,
    withContext(await readConfig(model), context),
    "",
  );
  // A bundle's context may be shorter than its model's, unless one is asked for; that has a line of its own.
  const wanted = context === undefined && config.n_ctx > whole.n_ctx ? whole : { ...whole, n_ctx: config.n_ctx };
  const keys = new Set([...Object.keys(wanted), ...Object.keys(config)]) as ReadonlySet<keyof Gpt2Config>;
  const text = (c: Gpt2Config, key: keyof Gpt2Config) => JSON.stringify(c[key]) ?? "none";
  const found = [...keys]
    .filter((key) => text(wanted, key) !== text(config, key))
    .map((key) => `${model} has ${key} ${text(wanted, key)}, but the bundle ${text(config, key)}`);
  return [...found, ...(await tokenizerDifferences(folder, plan, model, tokenizer?.bundleFiles() ?? new Map()))];
}

async function tokenizerDifferences(
  folder: string,
  plan: BundlePlan,
  model: string,
  wanted: ReadonlyMap<string, string>,
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of new Set([...wanted.keys(), ...(plan.tokenizer ?? [])])) {
    const text = plan.tokenizer?.includes(name)
      ? await readFile(join(folder, name), "utf8").catch(() => undefined)
      : undefined;
    if (text !== wanted.get(name)) found.push(`${name} is not what ${model} gives`);
  }
  return found;
}
