// Every kernel, each kind from slow to fast. The first of a kind takes any region of it; it explains the others, and they
// are checked against it. Of an op that is made of others there may be fast ones alone.
import type { Kernel } from "../kernel.ts";
import { argmaxKernel } from "./argmax.ts";
import { argmaxSharedKernel } from "./argmax-shared.ts";
import { attentionDecode, attentionNaive, attentionPrefill } from "./attention.ts";
import { attentionMergeKernel } from "./attention-merge.ts";
import { attentionPaged } from "./attention-paged.ts";
import { attentionPagedStream, attentionPartsStream, attentionStream } from "./attention-stream.ts";
import { layerNormNaive, layerNormRows } from "./layer-norm.ts";
import { matmulBlocked } from "./matmul-blocked.ts";
import { matmulBlockedQuads } from "./matmul-blocked-quads.ts";
import { matmulBlockedRows } from "./matmul-blocked-rows.ts";
import { matmulGemv } from "./matmul-gemv.ts";
import { matmulGemvNormalized } from "./matmul-gemv-normalized.ts";
import { matmulGemvRows } from "./matmul-gemv-rows.ts";
import { matmulGemvVectorized } from "./matmul-gemv-vectorized.ts";
import { matmulNaive } from "./matmul-naive.ts";
import {
  matmulPartsStream,
  matmulPartsStreamNormalized,
  matmulStream,
  matmulStreamNormalized,
} from "./matmul-stream.ts";
import { matmulStreamRows } from "./matmul-stream-rows.ts";
import { matmulSubgroupMatrix } from "./matmul-subgroup-matrix.ts";
import { pointwiseKernel } from "./pointwise.ts";
import { reduceKernel } from "./reduce.ts";
import { sampleFromPartsKernel, sampleRowsFromPartsKernel } from "./sample-from-parts.ts";
import { samplePartsKernel, sampleRowsPartsKernel } from "./sample-parts.ts";
import { sampleTokenKernel, sampleTokensKernel } from "./sample-token.ts";
import { scatterKernel } from "./scatter.ts";

/** Every kernel, each kind from slow to fast. */
export const KERNELS: readonly Kernel[] = [
  pointwiseKernel,
  scatterKernel,
  reduceKernel,
  argmaxKernel,
  argmaxSharedKernel,
  sampleTokenKernel,
  sampleTokensKernel,
  samplePartsKernel,
  sampleRowsPartsKernel,
  sampleFromPartsKernel,
  sampleRowsFromPartsKernel,
  layerNormNaive,
  layerNormRows,
  attentionNaive,
  attentionPrefill,
  attentionDecode,
  attentionStream,
  attentionPaged,
  attentionPagedStream,
  attentionPartsStream,
  attentionMergeKernel,
  matmulNaive,
  matmulGemv,
  matmulBlockedRows,
  matmulBlocked,
  matmulBlockedQuads,
  matmulSubgroupMatrix,
  matmulGemvRows,
  matmulStreamRows,
  matmulGemvVectorized,
  matmulGemvNormalized,
  matmulStream,
  matmulStreamNormalized,
  matmulPartsStream,
  matmulPartsStreamNormalized,
];
