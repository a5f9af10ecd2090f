// What a checkpoint's headers say before any weight is read: whether it is the model of its config.json, and how its
// matrices are stored.
import { readdir } from "node:fs/promises";
import { buildGpt2, type Gpt2Config, isPreset } from "../ir/index.ts";
import type { WeightDType } from "../passes/index.ts";
import { weightsError } from "../runtime/errors.ts";
import { openCheckpoint, RuntimeError, type WeightSource } from "../runtime/index.ts";
import { matchWeights, refuseOtherHead, type WantedWeight, type WeightMatch } from "../runtime/weights/match.ts";
import { findWeights } from "../runtime/weights/shards.ts";
import { fixConfig } from "./config-fix.ts";
import type { AskedDType } from "./memory-options.ts";

export interface CheckedCheckpoint {
  /** Tensors that the model does not use. */
  readonly surplus: readonly string[];
  /** How its matrices and tables can lie in memory without losing anything. */
  readonly dtype: WeightDType;
}

/** Throws a RuntimeError when the model can't be computed from `source`, the weights of `model`. */
export async function checkCheckpoint(
  config: Gpt2Config,
  source: WeightSource,
  model: string,
): Promise<CheckedCheckpoint> {
  const match = matchOrFix(config, source, model);
  await refuseOtherHead(match, source);
  const { found, surplus } = match;
  // BF16 has f32's range, which f16 has not; and any adapter reads f16, with or without arithmetic on it.
  const halves = [...found.values()]
    .map((name) => source.tensors.get(name))
    .every((tensor) => tensor && (tensor.shape.length < 2 || tensor.dtype === "F16"));
  return { surplus, dtype: halves ? "f16" : "f32" };
}

/** The dtype for a command that needs no weights: that of the checkpoint if one is there, f32 for a preset. */
export async function chooseDType(asked: AskedDType, model: string, config: Gpt2Config): Promise<WeightDType> {
  if (asked !== "auto") return asked;
  if (!(await hasWeights(model))) return "f32";
  const source = await openCheckpoint(model);
  try {
    return (await checkCheckpoint(config, source, model)).dtype;
  } finally {
    await source.close();
  }
}

/** Whether a model has weights: a folder with some, or a file of weights. */
export async function hasWeights(model: string): Promise<boolean> {
  if (isPreset(model)) return false;
  return readdir(model).then(
    (names) => findWeights(names) !== undefined,
    () => true,
  );
}

/** Where the weights are not those of the config, the refusal says which config would be theirs, if that leads on. */
function matchOrFix(config: Gpt2Config, source: WeightSource, model: string): WeightMatch {
  try {
    return matchConfig(config, source);
  } catch (error) {
    if (!(error instanceof RuntimeError) || error.fix || isPreset(model)) throw error;
    const fixed = fixConfig(config, source, model);
    if (!fixed || refusal(fixed.config, source) === error.message) throw error;
    throw weightsError(error.place, error.facts, error.hint, fixed.fix);
  }
}

function matchConfig(config: Gpt2Config, source: WeightSource): WeightMatch {
  // A graph of so many layers would take its time, and all that there is to say is known already.
  if (config.n_layer > source.tensors.size)
    throw weightsError(
      source.place,
      `holds ${source.tensors.size} tensors, but the config has ${config.n_layer} layers`,
      "config.json and checkpoint must describe the same model",
    );
  return matchWeights(weightsOf(config), source);
}

const weightsOf = (config: Gpt2Config): readonly WantedWeight[] =>
  buildGpt2(config)
    .inputs.filter((i) => i.kind === "weight")
    .map(({ value }) => ({ name: value.name, shape: value.type.shape.map(Number) }));

/** What would be said of the weights then, if anything. */
function refusal(config: Gpt2Config, source: WeightSource): string | undefined {
  try {
    matchConfig(config, source);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
