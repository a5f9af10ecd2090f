// A bundle: what `wgpt compile` writes. Its format, how a variant of its plan is chosen for an adapter, and how its files
// become a plan again. Touches neither disk nor net: the files come from a BundleFiles.
import { WHOLE_FOLDER } from "./bundle-place.ts";
import type { OpenDevice } from "./device.ts";
import { RuntimeError } from "./errors.ts";
import {
  PLAN_VERSION,
  type Plan,
  type PlanKernel,
  type PlanModel,
  type PlanSymbolValues,
  type PlanWeight,
} from "./plan.ts";
import { lacks } from "./prepare-steps.ts";

/** Raised by one whenever an older runtime could misread a newer bundle. */
export const BUNDLE_VERSION = 1;
/** The compiler's number, checked against the runtime's where both are compiled. */
export type BundleVersion = typeof BUNDLE_VERSION;

/** A kernel whose WGSL lies in a file of the bundle. */
export interface BundleKernel extends Omit<PlanKernel, "wgsl"> {
  readonly file: string;
}

/** One way to run the model; each needs other features of an adapter. */
export interface BundleVariant extends Pick<Plan, "requiredFeatures" | "requiredLimits" | "buffers" | "entries"> {
  readonly name: string;
  readonly kernels: readonly BundleKernel[];
}

/** plan.json */
export interface BundlePlan {
  readonly format: "wgpt-bundle";
  readonly version: number;
  readonly name: string;
  readonly target: string;
  readonly model: PlanModel;
  readonly maxima: PlanSymbolValues;
  /** The plainest first; of those that an adapter can run, the last is taken. */
  readonly variants: readonly BundleVariant[];
  /** `tokenizer.json`, and `tokenizer_config.json` where there was one. */
  readonly tokenizer?: readonly string[];
  /** What it was compiled from, so that `wgpt compile --check` can do it again. */
  readonly source: { readonly config: object; readonly options: object };
}

/** A file of packed weights, in the safetensors format. */
export interface BundleShard {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** weights.json */
export interface BundleWeights {
  readonly format: "wgpt-weights";
  readonly version: number;
  /** What the plan's buffers hold, and where in a checkpoint it stands. */
  readonly tensors: readonly PlanWeight[];
  /** The weights themselves, where they were packed: every tensor in the dtype and parts of `tensors`. */
  readonly shards?: readonly BundleShard[];
}

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
    throw new RuntimeError(`${files.place}/plan.json`, "has no variant to run", AGAIN);
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
  if (!Array.isArray(weights.tensors)) throw new RuntimeError(`${files.place}/weights.json`, "lists no tensors", AGAIN);
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
    throw new RuntimeError(
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
    throw new RuntimeError(place, `does not say that it is ${format}`, "give a folder that `wgpt compile` wrote");
  if (json.version !== BUNDLE_VERSION)
    throw new RuntimeError(
      place,
      `its format is version ${json.version}, but this runtime reads ${BUNDLE_VERSION}`,
      AGAIN,
    );
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
    throw new RuntimeError(place, `has no variant ${forced}`, `it has ${variants.map((v) => v.name).join(", ")}`);
  const fits = asked.findLast((v) => lacks(open, v).length === 0);
  if (fits) return fits;
  const reasons = asked.map((v) => `${v.name} needs ${lacks(open, v).join(" and ")}`);
  throw new RuntimeError(
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
  const { name, target, model, maxima } = bundle;
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
    maxima,
    model,
    buffers,
    weights: weights.tensors,
    kernels,
    entries,
  };
}
