// A bundle's plan.json and weights.json: what `wgpt compile` writes and the runtime reads.
import type { CheckpointNames } from "./checkpoint-names.ts";
import type { PositiveCount } from "./counts.ts";
import type { Plan, PlanKernel, PlanModel, PlanSymbol, PlanSymbolValues, PlanWeight } from "./plan.ts";

/** Raised by one whenever an older runtime could misread a newer bundle. */
export const BUNDLE_VERSION = 2;
/** The compiler's number, checked against the runtime's where both are compiled. */
export type BundleVersion = typeof BUNDLE_VERSION;

/**
 * A file of the bundle, by its path in it: names of letters, digits, dots, hyphens and underscores with `/` between them. None
 * begins with a dot, so that a path leads to nothing outside.
 * @pattern ^[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$
 * @maxLength 255
 */
export type BundlePath = string;

/**
 * A SHA-256 in lower-case hexadecimal.
 * @pattern ^[0-9a-f]{64}$
 */
export type Sha256 = string;

/** A text of the bundle. */
export interface BundleText {
  /** Its path in the bundle. */
  readonly file: BundlePath;
  /** Of the text, in UTF-8. */
  readonly sha256: Sha256;
}

/** A kernel whose WGSL lies in a file of the bundle. */
export interface BundleKernel extends Omit<PlanKernel, "wgsl">, BundleText {}

/** One way to run the model; each needs other features of an adapter. */
export interface BundleVariant extends Pick<Plan, "requiredFeatures" | "requiredLimits" | "buffers" | "entries"> {
  /** As `load` may force it. */
  readonly name: string;
  /** Its distinct shaders. */
  readonly kernels: readonly BundleKernel[];
}

/** plan.json: buffers, kernels and steps of each variant. The kernels' WGSL lies in files beside it. */
export interface BundlePlan {
  /** Says that the file is a plan. */
  readonly format: "wgpt-bundle";
  /** The format's number; a runtime refuses one that it does not know. */
  readonly version: BundleVersion;
  /** Of this text, with zeros in the place of these digits. */
  readonly sha256: Sha256;
  /** What the bundle's module calls it. */
  readonly name: string;
  /** What the kernels may count on, by name, such as webgpu-default. */
  readonly target: string;
  /** Absent where the graphs are no language model of a family. */
  readonly model?: PlanModel;
  /** In the order in which they lie in the uniform, each as u32. */
  readonly symbols: readonly PlanSymbol[];
  /**
   * The plainest first; of those that an adapter can run, the last is taken.
   * @minItems 1
   */
  readonly variants: readonly BundleVariant[];
  /**
   * `tokenizer.json`, and `tokenizer_config.json` where there was one.
   * @minItems 1
   * @maxItems 2
   */
  readonly tokenizer?: readonly BundleText[];
  /** The map of weights: weights.json. */
  readonly weights: BundleText;
  /** What it was compiled from, so that `wgpt compile --check` can do it again. */
  readonly source: BundleSource;
}

/** A kernel before its file is hashed, which waits where compiling does not. */
export type UnhashedKernel = Omit<BundleKernel, "sha256">;

/** A variant of such kernels. */
export interface UnhashedVariant extends Omit<BundleVariant, "kernels"> {
  /** Its distinct shaders. */
  readonly kernels: readonly UnhashedKernel[];
}

/** plan.json before the files that it names are hashed, and it itself. */
export interface UnhashedPlan extends Omit<BundlePlan, "variants" | "tokenizer" | "weights" | "sha256"> {
  /** The plainest first. */
  readonly variants: readonly UnhashedVariant[];
}

/** What a bundle was compiled from: a family's model, or graphs of any kind. */
export type BundleSource = ModelSource | GraphsSource;

/** A model of a family, by its configuration. */
export interface ModelSource {
  /** The family, by name. */
  readonly family: string;
  /** The model's hyper-parameters, as its family names them. */
  readonly config: object;
  /** The compiler's options. */
  readonly options: object;
}

/** Graphs of any kind, in the text form. */
export interface GraphsSource {
  /**
   * The entry points.
   * @minItems 1
   */
  readonly graphs: readonly GraphSource[];
  /** The compiler's options. */
  readonly options: object;
}

/** An entry point before it was compiled. */
export interface GraphSource {
  /** What callers call it. */
  readonly name: string;
  /** Its graph, in the text form. */
  readonly graph: string;
  /** Symbols that the entry point fixes. */
  readonly fixed?: PlanSymbolValues;
  /** The largest value of the others. */
  readonly maxima?: PlanSymbolValues;
}

/** The bytes of a shard that one hash is of: browsers hash whole buffers only, and these are kept in memory meanwhile. */
export const STRETCH_BYTES = 2 ** 26;

/** A file of packed weights, in the safetensors format. */
export interface BundleShard {
  /** Its path in the bundle. */
  readonly file: BundlePath;
  /** Its length. */
  readonly bytes: PositiveCount;
  /**
   * Of each stretch of 2^26 bytes, in order; the last may be shorter.
   * @minItems 1
   */
  readonly sha256: readonly Sha256[];
}

/** weights.json: what the plan's buffers of weights hold. */
export interface BundleWeights {
  /** Says that the file is a map of weights. */
  readonly format: "wgpt-weights";
  /** The format's number; a runtime refuses one that it does not know. */
  readonly version: BundleVersion;
  /** What the plan's buffers hold, and where in a checkpoint it stands. */
  readonly tensors: readonly PlanWeight[];
  /** How checkpoints name the tensors that they are made of, besides those names. */
  readonly names?: CheckpointNames;
  /** The weights themselves, where they were packed: every tensor in the dtype and shape of `tensors`, its recipe carried out. */
  readonly shards?: readonly BundleShard[];
}
