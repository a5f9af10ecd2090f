// A bundle's plan.json and weights.json: what `wgpt compile` writes and the runtime reads.
import type { Plan, PlanKernel, PlanModel, PlanSymbol, PlanWeight } from "./plan.ts";

/** Raised by one whenever an older runtime could misread a newer bundle. */
export const BUNDLE_VERSION = 2;
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
  readonly symbols: readonly PlanSymbol[];
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
