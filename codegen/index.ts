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
export { type Kernel, renderShader, type Shader } from "./kernel.ts";
export { KERNELS } from "./kernels/index.ts";
export { checkPlaces, MemoryPlan } from "./plan-memory.ts";
export { Region } from "./region.ts";
export { type Candidate, candidates, kernelPolicy, selectKernel } from "./select-kernel.ts";
export { TARGETS, type Target, targetByName, targetForAdapter } from "./target.ts";
export { loadTemplate } from "./template.ts";
