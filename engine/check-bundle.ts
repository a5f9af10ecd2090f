// Whether a bundle is what this version of wgpt would write today, from what its plan.json says it was compiled from; and
// whether that is what the user means, as far as the user says.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import {
  type Bundle,
  type BundleOptions,
  bundleTexts,
  compileBundle,
  compileModelBundle,
  standard,
  type Toolkit,
  targetByName,
} from "../codegen/index.ts";
import { parseGraph } from "../ir/index.ts";
import { readBundle } from "../runtime/bundle.ts";
import { openBundleFolder } from "../runtime/bundle-folder.ts";
import { fileError } from "../runtime/errors.ts";
import {
  type BundleFiles,
  type BundlePlan,
  type BundleWeights,
  openCheckpoint,
  type WeightSource,
} from "../runtime/index.ts";
import { openPackedWeights, verifyShards } from "../runtime/packed-weights.ts";
import { hasWeights } from "./check-checkpoint.ts";
import { differingWeight } from "./compare-weights.ts";
import { differences, type ExpectedBundle, graphDifferences, recordedModel } from "./expected-bundle.ts";
import { readIfThere } from "./text.ts";

/** What was compared. */
export interface CheckedBundle {
  readonly texts: number;
  /** Shards of weights whose hashes were compared. */
  readonly shards: number;
  /** The bundle has weights, and so has the model, and nobody compared them. */
  readonly unverified: boolean;
}

/**
 * Compares a bundle's files with what the toolkit makes today, and the hashes of its weights where `verify` asks for it:
 * with the model's own weights too, where there is a model that has some.
 * @throws RuntimeError that names what differs.
 */
export async function checkBundle(
  folder: string,
  verify: boolean,
  expected: ExpectedBundle,
  toolkit: Toolkit = standard,
): Promise<CheckedBundle> {
  const files = await openBundleFolder(folder);
  try {
    const { bundle: plan, weights } = await readBundle(files);
    checkPlugins(folder, plan, toolkit);
    const others =
      "graphs" in plan.source
        ? await graphDifferences(plan, plan.source, weights, expected, toolkit)
        : await differences(folder, plan, weights, expected, toolkit);
    if (others.length > 0)
      throw fileError(
        folder,
        `is not the bundle that was asked for: ${some(others, "; ", 8)}`,
        "compile it again as you want it, or check it without MODEL and options",
      );
    const texts = await checkTexts(folder, plan, weights, toolkit);
    const model = "graphs" in plan.source ? expected.weights : expected.model;
    const checkpoint = model !== undefined && weights.shards && (await hasWeights(model)) ? model : undefined;
    if (!verify) return { texts, shards: 0, unverified: checkpoint !== undefined };
    return { texts, shards: await verifyWeights(files, weights, checkpoint), unverified: false };
  } finally {
    await files.close();
  }
}

function checkPlugins(folder: string, plan: BundlePlan, { plugins }: Toolkit): void {
  const recorded = (plan.source.options as { readonly plugins?: readonly string[] }).plugins ?? [];
  const names = (list: readonly string[]): string => list.join(", ") || "no plugin";
  if (names(recorded) === names(plugins)) return;
  throw fileError(
    folder,
    `was compiled with ${names(recorded)}, but is checked with ${names(plugins)}`,
    "give the file of each plugin that it was compiled with by --plugin, in the same order",
  );
}

async function verifyWeights(files: BundleFiles, weights: BundleWeights, model: string | undefined): Promise<number> {
  const packed = await openPackedWeights(files, weights, true);
  try {
    const { shards = [] } = weights;
    await verifyShards(files, shards);
    if (model !== undefined) await compareWith(model, packed, weights, files.place);
    return shards.length;
  } finally {
    await packed.close();
  }
}

async function compareWith(model: string, packed: WeightSource, weights: BundleWeights, place: string): Promise<void> {
  const source = await openCheckpoint(model);
  try {
    const name = await differingWeight(weights, packed, source);
    if (name !== undefined)
      throw fileError(place, `its ${name} is not that of ${model}`, "compile it again with --pack-weights");
  } finally {
    await source.close();
  }
}

/** The first few, and how many more. */
const some = (items: readonly string[], separator: string, most = 3): string =>
  items.slice(0, most).join(separator) + (items.length > most ? `${separator}and ${items.length - most} more` : "");

async function checkTexts(folder: string, plan: BundlePlan, weights: BundleWeights, toolkit: Toolkit): Promise<number> {
  const wanted = await texts(folder, plan, weights, toolkit);
  const problems: string[] = [];
  for (const [name, text] of wanted) {
    const found = await readIfThere(join(folder, name));
    if (found !== text) problems.push(found === undefined ? `${name} is missing` : `${name} differs`);
  }
  const kernels = await readdir(join(folder, "kernels")).catch((): string[] => []);
  for (const name of kernels.map((k) => `kernels/${k}`)) if (!wanted.has(name)) problems.push(`${name} is left over`);
  if (problems.length === 0) return wanted.size;
  throw fileError(
    folder,
    `is not what this wgpt compiles: ${some(problems, ", ")}`,
    "compile it again, or use the version that compiled it",
  );
}

async function texts(
  folder: string,
  plan: BundlePlan,
  weights: BundleWeights,
  toolkit: Toolkit,
): Promise<ReadonlyMap<string, string>> {
  const bundle = compileAgain(plan, toolkit, `${folder}/plan.json source.config`, await tokenizerTexts(folder, plan));
  // What was packed is compared by its hashes, when it is loaded with `verify`.
  const { shards } = weights;
  return bundleTexts({ ...bundle, weights: { ...bundle.weights, ...(shards && { shards }) } });
}

/** The tokenizer's files as they are: what they should be, only a MODEL says. */
async function tokenizerTexts(folder: string, { tokenizer = [] }: BundlePlan): Promise<ReadonlyMap<string, string>> {
  const read = tokenizer.map(async ({ file }) => [file, (await readIfThere(join(folder, file))) ?? ""] as const);
  return new Map(await Promise.all(read));
}

function compileAgain(
  plan: BundlePlan,
  toolkit: Toolkit,
  place: string,
  tokenizer: ReadonlyMap<string, string>,
): Bundle {
  const { target, ...recorded } = plan.source.options as Omit<BundleOptions, "target"> & { readonly target: string };
  // A bundle keeps the name that its target had.
  const options = { ...recorded, name: plan.name, target: { ...targetByName(target), name: target }, toolkit };
  if ("graphs" in plan.source)
    return compileBundle(
      plan.source.graphs.map((entry) => ({ ...entry, graph: parseGraph(entry.graph, toolkit) })),
      options,
    );
  const { family, config } = recordedModel(plan, place, toolkit);
  return compileModelBundle(family, config, { ...options, tokenizer });
}
