/**
 * The language: graphs in SSA form, their text, their verifier and their interpreter; ops; GPT-2 as a graph. It imports nothing.
 * @module wgpt/ir
 */
export * from "../base/recipe.ts";
export * from "./attr.ts";
export * from "./builder.ts";
export { graphConstraints } from "./constraints.ts";
export * from "./define-element.ts";
export * from "./define-normalization.ts";
export * from "./define-pointwise.ts";
export * from "./define-reduction.ts";
export * from "./element.ts";
export * from "./element-facts.ts";
export * from "./errors.ts";
export * from "./family.ts";
export { checkPreset, familyGraph, readFamilyConfig } from "./family-members.ts";
export * from "./fused.ts";
export * from "./graph.ts";
export { elementTensors, writtenTensors } from "./host-elements.ts";
export * from "./interpret.ts";
export * from "./member.ts";
export { type BatchRows, batchRows, drawTokens } from "./models/batch-rows.ts";
export * from "./models/config-keys.ts";
export { drawToken } from "./models/draw.ts";
export { readEndTokens } from "./models/end-tokens.ts";
export * from "./models/gpt2/config.ts";
export * from "./models/gpt2/family.ts";
export * from "./models/gpt2/graph.ts";
export { FAMILIES } from "./models/index.ts";
export * from "./op.ts";
export * from "./ops/index.ts";
export * from "./parse.ts";
export * from "./print.ts";
export * from "./print-literal.ts";
export * from "./recipe.ts";
export { PART_BUCKETS, PART_WORDS, partStretch } from "./sampling-parts.ts";
export * from "./scalars.ts";
export { graphSymbols } from "./symbols.ts";
export * from "./tensor.ts";
export * from "./type.ts";
export * from "./value.ts";
export * from "./verify.ts";
