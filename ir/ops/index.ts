// The op registry: what a graph's text may name. A user's own op needs no place here; it comes with a plugin, or in the ops
// that are passed to `parseGraph`.
import type { Op } from "../op.ts";
import { add } from "./add.ts";
import { argmax } from "./argmax.ts";
import { attentionMerge } from "./attention-merge.ts";
import { attentionParts } from "./attention-parts.ts";
import { cacheUpdate } from "./cache-update.ts";
import { cacheWrite } from "./cache-write.ts";
import { cast } from "./cast.ts";
import { concat } from "./concat.ts";
import { cos } from "./cos.ts";
import { div } from "./div.ts";
import { equal } from "./equal.ts";
import { erf } from "./erf.ts";
import { exp } from "./exp.ts";
import { expand } from "./expand.ts";
import { gather } from "./gather.ts";
import { gelu } from "./gelu.ts";
import { greater } from "./greater.ts";
import { greaterEqual } from "./greater-equal.ts";
import { iota } from "./iota.ts";
import { layerNorm } from "./layer-norm.ts";
import { less } from "./less.ts";
import { lessEqual } from "./less-equal.ts";
import { log } from "./log.ts";
import { matmul } from "./matmul.ts";
import { matmulParts } from "./matmul-parts.ts";
import { maximum } from "./maximum.ts";
import { minimum } from "./minimum.ts";
import { mul } from "./mul.ts";
import { neg } from "./neg.ts";
import { pageSlots } from "./page-slots.ts";
import { pagedAttention } from "./paged-attention.ts";
import { pow } from "./pow.ts";
import { reduceMax } from "./reduce-max.ts";
import { reduceMean } from "./reduce-mean.ts";
import { reduceSum } from "./reduce-sum.ts";
import { reshape } from "./reshape.ts";
import { rmsNorm } from "./rms-norm.ts";
import { rsqrt } from "./rsqrt.ts";
import { sampleToken } from "./sample-token.ts";
import { sampleTokenFromParts } from "./sample-token-from-parts.ts";
import { sampleTokenParts } from "./sample-token-parts.ts";
import { sampleTokens } from "./sample-tokens.ts";
import { sampleTokensFromParts } from "./sample-tokens-from-parts.ts";
import { sampleTokensParts } from "./sample-tokens-parts.ts";
import { scaledDotProductAttention } from "./scaled-dot-product-attention.ts";
import { select } from "./select.ts";
import { sin } from "./sin.ts";
import { slice } from "./slice.ts";
import { split } from "./split.ts";
import { sqrt } from "./sqrt.ts";
import { sub } from "./sub.ts";
import { tanh } from "./tanh.ts";
import { transpose } from "./transpose.ts";

/** Every op of the language. */
export const OPS: readonly Op[] = [
  add,
  argmax,
  attentionMerge,
  attentionParts,
  cacheUpdate,
  cacheWrite,
  cast,
  concat,
  cos,
  div,
  equal,
  erf,
  exp,
  expand,
  gather,
  gelu,
  greaterEqual,
  greater,
  iota,
  layerNorm,
  lessEqual,
  less,
  log,
  matmul,
  matmulParts,
  maximum,
  minimum,
  mul,
  neg,
  pageSlots,
  pagedAttention,
  pow,
  reduceMax,
  reduceMean,
  reduceSum,
  reshape,
  rmsNorm,
  rsqrt,
  sampleToken,
  sampleTokenFromParts,
  sampleTokenParts,
  sampleTokens,
  sampleTokensFromParts,
  sampleTokensParts,
  scaledDotProductAttention,
  select,
  sin,
  slice,
  split,
  sqrt,
  sub,
  tanh,
  transpose,
];

export {
  add,
  argmax,
  attentionMerge,
  attentionParts,
  cacheUpdate,
  cacheWrite,
  cast,
  concat,
  cos,
  div,
  equal,
  erf,
  exp,
  expand,
  gather,
  gelu,
  greater,
  greaterEqual,
  iota,
  layerNorm,
  less,
  lessEqual,
  log,
  matmul,
  matmulParts,
  maximum,
  minimum,
  mul,
  neg,
  pagedAttention,
  pageSlots,
  pow,
  reduceMax,
  reduceMean,
  reduceSum,
  reshape,
  rmsNorm,
  rsqrt,
  sampleToken,
  sampleTokenFromParts,
  sampleTokenParts,
  sampleTokens,
  sampleTokensFromParts,
  sampleTokensParts,
  scaledDotProductAttention,
  select,
  sin,
  slice,
  split,
  sqrt,
  sub,
  tanh,
  transpose,
};
