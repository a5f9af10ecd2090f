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
export { type Kernel, type Lowered, renderShader, type Shader } from "./kernel.ts";
export { KERNELS } from "./kernels/index.ts";
export { checkPlaces, type LargestBuffer, MemoryPlan } from "./plan-memory.ts";
export { type Binding, Region, type VectorSize } from "./region.ts";
export { type Candidate, candidates, type KernelChoice, kernelPolicy, selectKernel } from "./select-kernel.ts";
export { TARGETS, type Target, type TargetLimits, type Tuning, targetByName, targetForAdapter } from "./target.ts";
export { BeyondTarget } from "./target-limits.ts";
export { loadTemplate, type Param, type Template } from "./template.ts";
export type { WayOut } from "./way-out.ts";
export type { Halves } from "./wgsl-element.ts";
export type { Index } from "./wgsl-index.ts";
