// What a checkpoint's headers say before any weight is read: whether it is the model of its config.json, and how its
// matrices are stored.
import { readdir } from "node:fs/promises";
import { recipeTensors } from "../base/index.ts";
import { type Family, familyGraph, type ModelConfig, wholeTensor } from "../ir/index.ts";
import type { CacheDType, WeightDType } from "../passes/index.ts";
import { weightsError } from "../runtime/errors.ts";
import { openCheckpoint, RuntimeError, type StoredTensor, type WeightSource } from "../runtime/index.ts";
import { matchWeights, refuseOtherHead, type WantedWeight, type WeightMatch } from "../runtime/weights/match.ts";
import { findWeights } from "../runtime/weights/shards.ts";
import { fixConfig } from "./config-fix.ts";
import type { ReadModel } from "./read-model.ts";

/** How matrices can be asked for. */
export const ASKED_DTYPES = ["auto", "f32", "f16"] as const;
/** How matrices are to lie in memory; `auto`: as the checkpoint has them. */
export type AskedDType = (typeof ASKED_DTYPES)[number];

/** How keys and values may lie in memory. */
export const CACHE_DTYPES = ["f32", "f16"] as const satisfies readonly CacheDType[];

/** What a checkpoint's headers say. */
export interface CheckedCheckpoint {
  /** Tensors that the model does not use. */
  readonly surplus: readonly string[];
  /** How its matrices and tables can lie in memory without losing anything. */
  readonly dtype: WeightDType;
}

/** Throws a RuntimeError when the model can't be computed from `source`, which are its weights. */
export async function checkCheckpoint(model: ReadModel, source: WeightSource): Promise<CheckedCheckpoint> {
  const match = matchOrFix(model, source);
  await refuseOtherHead(match, source);
  const { found, surplus } = match;
  return { surplus, dtype: storedAs([...found.values()].flatMap((name) => source.tensors.get(name) ?? [])) };
}

/**
 * How matrices and tables can lie in memory without losing anything: BF16 has f32's range, which f16 has not; and any adapter
 * reads f16, with or without arithmetic on it.
 */
export const storedAs = (tensors: readonly StoredTensor[]): WeightDType =>
  tensors.some((tensor) => tensor.shape.length > 1) &&
  tensors.every((tensor) => tensor.shape.length < 2 || tensor.dtype === "F16")
    ? "f16"
    : "f32";

/** The dtype for a command that needs no weights: that of the checkpoint if one is there, f32 for a preset. */
export async function chooseDType(asked: AskedDType, model: ReadModel): Promise<WeightDType> {
  if (asked !== "auto") return asked;
  if (model.isPreset || !(await hasWeights(model.name))) return "f32";
  const source = await openCheckpoint(model.name);
  try {
    return (await checkCheckpoint(model, source)).dtype;
  } finally {
    await source.close();
  }
}

/** Whether a model has weights: a folder with some, or a file of weights. */
export async function hasWeights(model: string): Promise<boolean> {
  return readdir(model).then(
    (names) => findWeights(names) !== undefined,
    () => true,
  );
}

/** Where the weights are not those of the config, the refusal says which config would be theirs, if that leads on. */
function matchOrFix(model: ReadModel, source: WeightSource): WeightMatch {
  try {
    return matchConfig(model, source);
  } catch (error) {
    if (!(error instanceof RuntimeError) || error.fix || model.isPreset) throw error;
    const fixed = fixConfig(model, source);
    if (!fixed || refusal(fixed.model, source) === error.message) throw error;
    throw weightsError(error.place, error.facts, error.hint, fixed.fix);
  }
}

function matchConfig({ family, config }: ReadModel, source: WeightSource): WeightMatch {
  // A graph of so many layers would take its time, and all that there is to say is known already.
  if (config.n_layer > source.tensors.size)
    throw weightsError(
      source.place,
      `holds ${source.tensors.size} tensors, but the config has ${config.n_layer} layers`,
      "config.json and checkpoint must describe the same model",
    );
  return matchWeights(tensorsOf(family, config), source, family.names);
}

/** The checkpoint's tensors that a model's weights are made of, in the order in which the model uses them. */
export function tensorsOf(family: Family, config: ModelConfig): readonly WantedWeight[] {
  const weights = familyGraph(family, config, "logits").inputs.filter((i) => i.kind === "weight");
  const tensors = weights.flatMap(({ value, recipe = wholeTensor(value) }) => (recipe ? recipeTensors(recipe) : []));
  return [...new Map(tensors.map(({ name, shape }) => [name, { name, shape }])).values()];
}

/** What would be said of the weights then, if anything. */
function refusal(model: ReadModel, source: WeightSource): string | undefined {
  try {
    matchConfig(model, source);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** How the weights of those names are stored, f32 where that is not known. */
export async function storedDType(place: string | undefined, names: ReadonlySet<string>): Promise<"f32" | "f16"> {
  if (place === undefined) return "f32";
  const source = await openCheckpoint(place);
  try {
    const stored = [...source.tensors.values()].filter((t) => names.has(t.name));
    return stored.length === 0 ? "f32" : storedAs(stored);
  } finally {
    await source.close();
  }
}
