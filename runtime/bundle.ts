// A bundle: what `wgpt compile` writes. Its format, how a variant of its plan is chosen for an adapter, and how its files
// become a plan again. Touches neither disk nor net: the files come from a BundleFiles.

import {
  BUNDLE_VERSION,
  type BundleKernel,
  type BundlePlan,
  type BundleText,
  type BundleVariant,
  type BundleWeights,
} from "../base/bundle.ts";
import { PLAN_SCHEMA, WEIGHTS_SCHEMA } from "../base/bundle-schemas.ts";
import { listNames, sealOf, sha256, shortName } from "../base/index.ts";
import { PLAN_VERSION, type Plan, type PlanKernel } from "../base/plan.ts";
import { checkBundleParts } from "./bundle-parts.ts";
import { WHOLE_FOLDER } from "./bundle-place.ts";
import { findProblem } from "./check-json.ts";
import type { OpenDevice } from "./device.ts";
import { bundleError } from "./errors.ts";
import { parseJson } from "./json.ts";
import { quote } from "./json-values.ts";
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

/** What a bundle says of itself: plan.json and weights.json. */
export interface ReadBundle {
  readonly bundle: BundlePlan;
  readonly weights: BundleWeights;
}

/**
 * Reads plan.json and weights.json.
 * @throws RuntimeError where one is none, of another version, not what its schema says or of another SHA-256, and where their parts
 * do not fit together.
 */
export async function readBundle(files: BundleFiles): Promise<ReadBundle> {
  const { text, json: bundle } = await readChecked<BundlePlan>(files, "plan.json", "wgpt-bundle", PLAN_SCHEMA);
  compareHash(files, "plan.json", await sealOf(text, bundle.sha256), bundle.sha256, "it");
  const map = await readChecked<BundleWeights>(files, bundle.weights.file, "wgpt-weights", WEIGHTS_SCHEMA);
  compareHash(files, bundle.weights.file, await sha256(map.text), bundle.weights.sha256);
  checkBundleParts(files.place, bundle, map.json);
  return { bundle, weights: map.json };
}

/**
 * Reads a text that plan.json names.
 * @throws RuntimeError where it is missing, or of another SHA-256.
 */
export async function readBundleText(files: BundleFiles, { file, sha256: wanted }: BundleText): Promise<string> {
  const text = await files.text(file);
  compareHash(files, file, await sha256(text), wanted);
  return text;
}

/**
 * Parses a text of the bundle.
 * @throws RuntimeError when it is no JSON.
 */
export function parseBundleText(files: BundleFiles, file: string, text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw bundleError(
      `${files.place}/${file}`,
      `is no JSON: ${reason}`,
      text.trimStart().startsWith("<") ? WHOLE_FOLDER : AGAIN,
    );
  }
}

async function readChecked<T extends { readonly format: string; readonly version: number }>(
  files: BundleFiles,
  file: string,
  format: T["format"],
  schema: object,
): Promise<{ readonly text: string; readonly json: T }> {
  const place = `${files.place}/${file}`;
  const text = await files.text(file);
  const json = parseBundleText(files, file, text);
  if (!isFormat(json, format))
    throw bundleError(place, `does not say that it is ${format}`, "give a folder that `wgpt compile` wrote");
  if (json.version !== BUNDLE_VERSION)
    throw bundleError(
      place,
      `its format is version ${quote(json.version)}, but this runtime reads ${BUNDLE_VERSION}`,
      AGAIN,
    );
  const problem = findProblem(json, schema);
  if (problem) throw bundleError(`${place}${problem.where}`, problem.facts, AGAIN);
  // The schema was made of this very type.
  return { text, json: json as unknown as T };
}

const AGAIN = "compile it again";

const isFormat = (json: unknown, format: string): json is { readonly version: unknown } =>
  typeof json === "object" && json !== null && "format" in json && json.format === format && "version" in json;

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
    throw bundleError(
      place,
      `has no variant ${shortName(forced ?? "")}`,
      `it has ${listNames(variants.map((v) => v.name))}`,
    );
  const fits = asked.findLast((v) => lacks(open, v).length === 0);
  if (fits) return fits;
  const reasons = asked.map((v) => `${v.name} needs ${lacks(open, v).join(" and ")}`);
  throw bundleError(
    place,
    `${open.adapter.description} can't run it: ${reasons.join("; ")}`,
    "compile for another target, or with a shorter context",
  );
}

/**
 * The plan of one variant, with the WGSL of its kernels.
 * @throws RuntimeError for a kernel whose file is not the one that was written, by its hash.
 */
export async function readPlan(
  files: BundleFiles,
  bundle: BundlePlan,
  variant: BundleVariant,
  weights: BundleWeights,
): Promise<Plan> {
  const { name, target, model, symbols } = bundle;
  const kernels = await Promise.all(variant.kernels.map((kernel) => readKernel(files, kernel)));
  const { requiredFeatures, requiredLimits, buffers, entries } = variant;
  return {
    version: PLAN_VERSION,
    name,
    target,
    requiredFeatures,
    requiredLimits,
    symbols,
    ...(model && { model }),
    buffers,
    weights: weights.tensors,
    ...(weights.names && { names: weights.names }),
    kernels,
    entries,
  };
}

async function readKernel(files: BundleFiles, { file, sha256, ...kernel }: BundleKernel): Promise<PlanKernel> {
  return { ...kernel, wgsl: await readBundleText(files, { file, sha256 }) };
}

function compareHash(files: BundleFiles, file: string, found: string, wanted: string, says = "plan.json"): void {
  if (found === wanted) return;
  const check = ["wgpt", "compile", "--check", files.place];
  // What is compared is what plan.json says that it was compiled from, which a plan.json of another text does not.
  const isChecked = says === "plan.json" && !/^https?:/.test(files.place);
  throw bundleError(
    `${files.place}/${file}`,
    `its SHA-256 is ${found}, but ${says} says ${wanted}`,
    `copy the bundle again, with the ends of its lines as they are, or compile it again${isChecked ? `; \`${check.join(" ")}\` says what else differs` : ""}`,
    isChecked ? { kind: "command", command: check } : undefined,
  );
}
