/**
 * From a graph to kernels and a plan, or to a bundle. Needs no GPU.
 * @module wgpt/codegen
 */

export type { Binding } from "./binding.ts";
export type { BufferFormat, ElementScope, Neighbours } from "./buffer-format.ts";
export * from "./compile.ts";
export { compileGpt2 } from "./compile-gpt2.ts";
export { BOUNDS, type Bound, type Demand, demandOf, type Prediction, predict } from "./cost.ts";
export {
  BUNDLE_FILES,
  type Bundle,
  type BundleOptions,
  bundleTexts,
  compileBundle,
  compileModelBundle,
  DEFAULT_VARIANTS,
  VARIANTS,
  type VariantName,
} from "./emit/bundle.ts";
export type { ElementShare } from "./epilogue.ts";
export { IndexPrinter } from "./index-printer.ts";
export {
  COMMON_PARAMS,
  type CommonParam,
  type ConfiguredKernel,
  constantDim,
  count,
  defineKernel,
  type Kernel,
  type KernelKind,
  type KernelSpec,
  type Lowered,
  printConfig,
  type Taking,
  TRAIT_KINDS,
} from "./kernel.ts";
export { isComputed, type MatmulView, matmulOf, normalizationOf } from "./kernels/matmul.ts";
export { linearGroups } from "./kernels/pointwise.ts";
export type { Machine, SoftwareCosts } from "./machine.ts";
export { MACHINES } from "./machines.ts";
export { checkPlaces, type LargestBuffer, MemoryPlan } from "./plan-memory.ts";
export { isPlugin } from "./plugin.ts";
export {
  type PredictedDispatch,
  type PredictedStep,
  predictDispatch,
  predictSteps,
  type Roofs,
  roofsOf,
} from "./predict-steps.ts";
export type { Printed, PrintedFunction, PrintedFunctions } from "./printed-functions.ts";
export { chooseKernel, type RankedKernel, rankKernels } from "./rank-kernels.ts";
export { Region, type RegionOptions } from "./region.ts";
export { renderShader, type Shader } from "./render-shader.ts";
export {
  type Candidate,
  candidates,
  type KernelChoice,
  type Kernels,
  kernelPolicy,
  selectKernel,
} from "./select-kernel.ts";
export { type Config, combinations, laneChoices, laneSpace, suited } from "./space.ts";
export {
  type BoundPart,
  type Storage,
  type Stored,
  VECTOR_TYPES,
  type VectorSize,
} from "./storage.ts";
export { STORAGES } from "./storages/index.ts";
export { TARGETS, type Target, type TargetLimits, targetByName, targetForAdapter } from "./target.ts";
export { BeyondTarget } from "./target-limits.ts";
export { type Param, type PrecompiledTemplate, precompiledTemplate, type Template } from "./template.ts";
export type { WayOut } from "./way-out.ts";
export {
  addIndex,
  dimIndex,
  divIndex,
  type Fragment,
  type Index,
  indexName,
  indexOf,
  modIndex,
  mulIndex,
  type Steps,
} from "./wgsl-index.ts";
export type { Accesses, Account, Traffic, Work, WorkOf } from "./work.ts";
