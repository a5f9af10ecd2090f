/**
 * From a graph to kernels and a plan, or to a bundle. Needs no GPU.
 * @module wgpt/codegen
 */

export type { Binding, VectorSize } from "./binding.ts";
export * from "./compile.ts";
export {
  type Bundle,
  type BundleOptions,
  bundleTexts,
  compileBundle,
  DEFAULT_VARIANTS,
  VARIANTS,
  type VariantName,
} from "./emit/bundle.ts";
export { IndexPrinter } from "./index-printer.ts";
export {
  COMMON_PARAMS,
  type CommonParam,
  count,
  defineKernel,
  fixed,
  type Kernel,
  type KernelKind,
  type KernelSpec,
  type Lowered,
  renderShader,
  type Shader,
  TRAIT_KINDS,
} from "./kernel.ts";
export { isComputed, type MatmulView, matmulOf, normalizationOf } from "./kernels/matmul.ts";
export { linearGroups } from "./kernels/pointwise.ts";
export { checkPlaces, type LargestBuffer, MemoryPlan } from "./plan-memory.ts";
export { isPlugin } from "./plugin.ts";
export { Region, type RegionOptions } from "./region.ts";
export {
  type Candidate,
  candidates,
  type KernelChoice,
  type Kernels,
  kernelPolicy,
  selectKernel,
} from "./select-kernel.ts";
export { TARGETS, type Target, type TargetLimits, type Tuning, targetByName, targetForAdapter } from "./target.ts";
export { BeyondTarget } from "./target-limits.ts";
export { loadTemplate, type Param, type Template, template } from "./template.ts";
export type { WayOut } from "./way-out.ts";
export type { Halves } from "./wgsl-element.ts";
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
} from "./wgsl-index.ts";
