// A bundle: what `wgpt compile` writes. Its format, how a variant of its plan is chosen for an adapter, and how its files
// become a plan again. Touches neither disk nor net: the files come from a BundleFiles.

import { BUNDLE_VERSION, type BundlePlan, type BundleVariant, type BundleWeights } from "../base/bundle.ts";
import { PLAN_VERSION, type Plan, type PlanKernel, type PlanModel } from "../base/plan.ts";
import { WHOLE_FOLDER } from "./bundle-place.ts";
import type { OpenDevice } from "./device.ts";
import { bundleError } from "./errors.ts";
import { lacks } from "./prepare-steps.ts";

/** Where a bundle's files come from. */
export interface BundleFiles {
  /** What an error calls the bundle: a path, a URL. */
  readonly place: string;
  /** @throws RuntimeError when there is no such file, or it can't be read. */
  text(file: string): Promise<string>;
  /** `length` bytes from `offset` on. */
  bytes(file: string, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Releases what reading holds open. */
  close(): Promise<void>;
}

/** Reads and checks plan.json. */
export async function readBundlePlan(files: BundleFiles): Promise<BundlePlan> {
  const plan = await readJson<BundlePlan>(files, "plan.json", "wgpt-bundle");
  if (!Array.isArray(plan.variants) || plan.variants.length === 0)
    throw bundleError(`${files.place}/plan.json`, "has no variant to run", AGAIN);
  return { ...plan, model: withEndTokens(plan.model) };
}

/** Earlier compilers wrote one end token at most. */
const withEndTokens = ({ eos_token_id, ...model }: PlanModel & { readonly eos_token_id?: number }): PlanModel => ({
  ...model,
  eos_token_ids: model.eos_token_ids ?? (eos_token_id === undefined ? [] : [eos_token_id]),
});

/** Reads and checks weights.json. */
export async function readBundleWeights(files: BundleFiles): Promise<BundleWeights> {
  const weights = await readJson<BundleWeights>(files, "weights.json", "wgpt-weights");
  if (!Array.isArray(weights.tensors)) throw bundleError(`${files.place}/weights.json`, "lists no tensors", AGAIN);
  return weights;
}

/**
 * Parses one of the bundle's files.
 * @throws RuntimeError when it is no JSON.
 */
export async function readBundleFile(files: BundleFiles, file: string): Promise<unknown> {
  const text = await files.text(file);
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw bundleError(
      `${files.place}/${file}`,
      `is no JSON: ${reason}`,
      text.trimStart().startsWith("<") ? WHOLE_FOLDER : AGAIN,
    );
  }
}

async function readJson<T extends { readonly format: string; readonly version: number }>(
  files: BundleFiles,
  file: string,
  format: T["format"],
): Promise<T> {
  const place = `${files.place}/${file}`;
  const json = await readBundleFile(files, file);
  if (!isBundleJson<T>(json, format))
    throw bundleError(place, `does not say that it is ${format}`, "give a folder that `wgpt compile` wrote");
  if (json.version !== BUNDLE_VERSION)
    throw bundleError(place, `its format is version ${json.version}, but this runtime reads ${BUNDLE_VERSION}`, AGAIN);
  return json;
}

const AGAIN = "compile it again";

const isBundleJson = <T extends { readonly format: string }>(json: unknown, format: string): json is T =>
  typeof json === "object" && json !== null && "format" in json && json.format === format;

/**
 * The variant to run on a device: the one called `forced`, else the last whose features and limits the device has.
 * @throws RuntimeError that says of each variant what is missing.
 */
export function chooseVariant(
  { name, target, variants }: BundlePlan,
  open: OpenDevice,
  forced?: string,
): BundleVariant {
  const place = `bundle ${name} for ${target}`;
  const asked = forced === undefined ? variants : variants.filter((v) => v.name === forced);
  if (asked.length === 0)
    throw bundleError(place, `has no variant ${forced}`, `it has ${variants.map((v) => v.name).join(", ")}`);
  const fits = asked.findLast((v) => lacks(open, v).length === 0);
  if (fits) return fits;
  const reasons = asked.map((v) => `${v.name} needs ${lacks(open, v).join(" and ")}`);
  throw bundleError(
    place,
    `${open.adapter.description} can't run it: ${reasons.join("; ")}`,
    "compile for another target, or with a shorter context",
  );
}

/** The plan of one variant, with the WGSL of its kernels. */
export async function readPlan(
  files: BundleFiles,
  bundle: BundlePlan,
  variant: BundleVariant,
  weights: BundleWeights,
): Promise<Plan> {
  const { name, target, model, symbols } = bundle;
  const kernels = await Promise.all(
    variant.kernels.map(
      async ({ file, ...kernel }): Promise<PlanKernel> => ({ ...kernel, wgsl: await files.text(file) }),
    ),
  );
  const { requiredFeatures, requiredLimits, buffers, entries } = variant;
  return {
    version: PLAN_VERSION,
    name,
    target,
    requiredFeatures,
    requiredLimits,
    symbols,
    model,
    buffers,
    weights: weights.tensors,
    kernels,
    entries,
  };
}
