/**
 * Passes from graph to graph, the rules that they are made of, and the observers that tell what each rule said.
 * @module wgpt/passes
 */
export { bindSymbols } from "./bind-symbols.ts";
export { canonicalize } from "./canonicalize.ts";
export { chooseSteps } from "./choose-steps.ts";
export { eliminateCommonSubexpressions } from "./eliminate-common-subexpressions.ts";
export { eliminateDeadValues } from "./eliminate-dead-values.ts";
export { Emitter } from "./emit.ts";
export { expandUntaken } from "./expand-untaken.ts";
export { foldConstants } from "./fold-constants.ts";
export { fuseAttention } from "./fuse-attention.ts";
export { fuseGelu } from "./fuse-gelu.ts";
export { fuseLayerNorm } from "./fuse-layer-norm.ts";
export { fuseLinear } from "./fuse-linear.ts";
export { type Comparison, defaultPolicy, fusePointwise, type RegionPolicy, storageBuffers } from "./fuse-pointwise.ts";
export { fuseRmsNorm } from "./fuse-rms-norm.ts";
export { fuseScatter } from "./fuse-scatter.ts";
export * from "./observers.ts";
export {
  PASS_ROLES,
  type Pass,
  type PassFacts,
  type PassObserver,
  type PassRole,
  rulePass,
  runPasses,
} from "./pass.ts";
export type { CacheDType, PassContext, PassMaker, PassSpec, WeightDType } from "./pass-maker.ts";
export * from "./pattern.ts";
export { PASSES, type PipelineOptions, pipeline } from "./pipeline.ts";
export type { Replacement } from "./rebuild.ts";
export { mergeRegion } from "./region.ts";
export { applyRules, Match, type Predicate, predicate, type Report, type Rule, type SiteReport } from "./rule.ts";
export { splitLargeWeights } from "./split-large-weights.ts";
export { storeWeightsAsF16 } from "./store-weights.ts";
