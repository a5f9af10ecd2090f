// What the files of a checkpoint say besides the numbers, as Hugging Face writes them: config.json, which tensor
// goes into which file, and the index of the shards. Text and names only; checkpoint-folder.ts writes.
import { callMember, type Family, type ModelConfig } from "../ir/index.ts";
import { optionError } from "../runtime/errors.ts";
import type { RandomDType } from "../runtime/weights/random-values.ts";
import { dataBytes, type TensorToWrite } from "../runtime/weights/write-safetensors.ts";
import { tensorsOf } from "./check-checkpoint.ts";

/** A file of weights. */
export interface WeightFile {
  readonly name: string;
  /** In the order of their data. */
  readonly tensors: readonly TensorToWrite[];
}

/** What transformers calls the dtypes, and looks for in config.json. */
const TORCH_DTYPES = { F32: "float32", F16: "float16", BF16: "bfloat16" } as const satisfies Record<
  RandomDType,
  string
>;

/** transformers refuses a safetensors file that does not say which framework's layout it has. */
export const METADATA = { format: "pt" } as const;

/** The text of a config.json that the family reads back as `config`. */
export function printConfig(family: Family, config: ModelConfig, dtype: RandomDType): string {
  // transformers writes its keys in the order of their names.
  const json = {
    ...callMember(`family ${family.name}`, "printConfig", () => family.printConfig(config)),
    torch_dtype: TORCH_DTYPES[dtype],
  };
  const sorted = Object.fromEntries(Object.entries(json).sort(([x], [y]) => (x < y ? -1 : 1)));
  return `${JSON.stringify(sorted, undefined, 2)}\n`;
}

/** The model's weights under their released names, in the order in which the model uses them. */
export const listWeights = (family: Family, config: ModelConfig, dtype: RandomDType): TensorToWrite[] =>
  tensorsOf(family, config).map(({ name, shape }) => ({ name, dtype, shape }));

/**
 * Deals the weights to `shards` files, in order and as evenly as whole tensors allow. Within a file they stand by name,
 * as in every file of the safetensors library and so in the released checkpoints.
 */
export function dealShards(weights: readonly TensorToWrite[], shards: number): WeightFile[] {
  if (shards > weights.length)
    throw optionError(
      "--shards",
      `is ${shards}, but the model has ${weights.length} tensors`,
      "a tensor lies in one file as a whole",
    );
  const total = countBytes(weights);
  const dealt: TensorToWrite[][] = [];
  let current: TensorToWrite[] = [];
  let bytes = 0;
  weights.forEach((weight, i) => {
    current.push(weight);
    bytes += dataBytes(weight);
    const filesLeft = shards - dealt.length - 1;
    const isFull = bytes >= (total / shards) * (dealt.length + 1);
    // Every file that is still to come gets one tensor at least.
    if (filesLeft === 0 || !(isFull || weights.length - i - 1 === filesLeft)) return;
    dealt.push(current);
    current = [];
  });
  dealt.push(current);
  const number = (n: number) => String(n).padStart(5, "0");
  return dealt.map((tensors, i) => ({
    name: shards === 1 ? "model.safetensors" : `model-${number(i + 1)}-of-${number(shards)}.safetensors`,
    tensors: tensors.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  }));
}

/** The name of the index of a checkpoint in shards. */
export const INDEX = "model.safetensors.index.json";

/** The text of the index, which says where each tensor is. */
export function printIndex(files: readonly WeightFile[]): string {
  const places = files.flatMap(({ name, tensors }) => tensors.map((t) => [t.name, name] as const));
  const json = {
    metadata: { total_size: countBytes(files.flatMap((f) => f.tensors)) },
    weight_map: Object.fromEntries(places.toSorted(([a], [b]) => (a < b ? -1 : 1))),
  };
  return `${JSON.stringify(json, undefined, 2)}\n`;
}

/** Of the tensors' data. */
export const countBytes = (tensors: readonly TensorToWrite[]): number => tensors.reduce((n, t) => n + dataBytes(t), 0);
