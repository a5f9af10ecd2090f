// What a checkpoint's headers say before any weight is read: whether it is the model of its config.json, and how its
// matrices are stored.
import { readdir } from "node:fs/promises";
import { buildGpt2, type Gpt2Config, isPreset } from "../ir/index.ts";
import type { WeightDType } from "../passes/index.ts";
import { openCheckpoint, RuntimeError, type WeightSource } from "../runtime/index.ts";
import { matchWeights } from "../runtime/weights/match.ts";
import type { AskedDType } from "./memory-options.ts";

/** Names of tensors that change the result and that the graph has no place for. */
const REFUSED = [/lm_head\.bias$/, /\.crossattention\./, /\.ln_cross_attn\./];
const WEIGHTS = /^model\.safetensors(\.index\.json)?$/;

export interface CheckedCheckpoint {
  /** Tensors that the model does not use. */
  readonly surplus: readonly string[];
  /** How its matrices and tables can lie in memory without losing anything. */
  readonly dtype: WeightDType;
}

/** Throws a RuntimeError when the model can't be computed from `source`. */
export function checkCheckpoint(config: Gpt2Config, source: WeightSource): CheckedCheckpoint {
  const wanted = buildGpt2(config)
    .inputs.filter((i) => i.kind === "weight")
    .map(({ value }) => ({ name: value.name, shape: value.type.shape.map(Number) }));
  const { found, surplus } = matchWeights(wanted, source);
  const refused = surplus.find((name) => REFUSED.some((pattern) => pattern.test(name)));
  if (refused !== undefined)
    throw new RuntimeError(
      source.place,
      `holds ${refused}, but the graph is a decoder whose head has no bias`,
      "wgpt can't compute this model",
    );
  // BF16 has f32's range, which f16 has not; and any adapter reads f16, with or without arithmetic on it.
  const halves = wanted
    .filter(({ shape }) => shape.length > 1)
    .every(({ name }) => source.tensors.get(found.get(name) ?? "")?.dtype === "F16");
  return { surplus, dtype: halves ? "f16" : "f32" };
}

/** The dtype for a command that needs no weights: that of the checkpoint if one is there, f32 for a preset. */
export async function chooseDType(asked: AskedDType, model: string, config: Gpt2Config): Promise<WeightDType> {
  if (asked !== "auto") return asked;
  if (!(await hasWeights(model))) return "f32";
  const source = await openCheckpoint(model);
  try {
    return checkCheckpoint(config, source).dtype;
  } finally {
    await source.close();
  }
}

/** Whether a model has weights: a folder with some, or a file of weights. */
export async function hasWeights(model: string): Promise<boolean> {
  if (isPreset(model)) return false;
  return readdir(model).then(
    (names) => names.some((name) => WEIGHTS.test(name)),
    () => true,
  );
}
