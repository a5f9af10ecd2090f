/**
 * From a graph to kernels and a plan, or to a bundle. Needs no GPU.
 * @module wgpt/codegen
 */
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
export { type Binding, Region, type VectorSize } from "./region.ts";
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
  type Index,
  indexName,
  indexOf,
  modIndex,
  mulIndex,
  unravel,
} from "./wgsl-index.ts";
