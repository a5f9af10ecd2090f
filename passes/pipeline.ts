// The compiler's table of contents: which passes run, in which order, and why there.
import { optionError, type SymbolValues } from "../ir/index.ts";
import { bindSymbols } from "./bind-symbols.ts";
import { canonicalize } from "./canonicalize.ts";
import { eliminateCommonSubexpressions } from "./eliminate-common-subexpressions.ts";
import { eliminateDeadValues } from "./eliminate-dead-values.ts";
import { foldConstants } from "./fold-constants.ts";
import { fuseAttention } from "./fuse-attention.ts";
import { fuseGelu } from "./fuse-gelu.ts";
import { fuseLayerNorm } from "./fuse-layer-norm.ts";
import { fuseLinear } from "./fuse-linear.ts";
import { defaultPolicy, fusePointwise, type RegionPolicy } from "./fuse-pointwise.ts";
import { ownPass, type Pass } from "./pass.ts";
import { splitLargeWeights } from "./split-large-weights.ts";
import { storeWeightsAsF16 } from "./store-weights.ts";

/** How weights of two or more axes are stored. */
export type WeightDType = "f32" | "f16";

/** What the passes have to know of the entry point and the target. */
export interface PipelineOptions {
  /** `{ T: 1 }` compiles the decode step. */
  readonly symbols?: SymbolValues;
  readonly policy?: RegionPolicy;
  /** The largest weight that the target binds, in bytes; none is split when absent. */
  readonly maxWeightBytes?: number;
  /** How many buffers a kernel of the target binds. */
  readonly maxBuffers?: number;
  /** How matrices and tables lie in GPU memory; f32 when absent. */
  readonly weights?: WeightDType;
  /** Passes to leave out, by name. */
  readonly disable?: readonly string[];
}

/**
 * The passes in order.
 * @throws CompileError for a name in `disable` that is no pass, or of a pass that the entry point depends on.
 */
export function pipeline(options: PipelineOptions = {}): readonly Pass[] {
  const { symbols = {}, policy = defaultPolicy, maxWeightBytes, maxBuffers, weights = "f32", disable = [] } = options;
  const passes: readonly Pass[] = [
    // First of all: what the entry point fixes is a number for everyone after.
    bindSymbols(symbols),
    // A reader that nothing needs would keep what it reads from being fused. The rules drop what they leave behind.
    eliminateDeadValues,
    // Before anything else looks at weights: what no adapter binds is no weight. They are still written as f32 here, and
    // take half of that once they are stored as f16.
    ...(maxWeightBytes === undefined
      ? []
      : [splitLargeWeights(weights === "f16" ? 2 * maxWeightBytes : maxWeightBytes, maxBuffers)]),
    // One spelling, so that the rules below meet fewer; literals folded, so that canonical forms show.
    canonicalize,
    foldConstants,
    // Every layer builds the same causal mask; sharing it keeps the unfused graph small too.
    eliminateCommonSubexpressions,
    // Casts are made one for each reader: after equal nodes were shared, before kernels take them in.
    ...(weights === "f16" ? [storeWeightsAsF16] : []),
    // The named patterns, largest first: attention's softmax and scale must not be taken apart by the general fusion.
    fuseAttention,
    fuseLayerNorm,
    fuseGelu,
    // Weights' transposes and biases go into their matmul before the general fusion asks who may grow.
    fuseLinear,
    // Everything pointwise that is left joins the kernel beside it.
    fusePointwise(policy),
  ];
  const names = passes.map((p) => p.name);
  const unknown = disable.find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw optionError("pipeline", `there is no pass ${unknown}`, `passes are ${names.join(", ")}`);
  // Binding is what makes an entry point, splitting what makes it fit: neither is an optimisation to leave out.
  const needed = names
    .filter((name) => ["bind-symbols", "split-large-weights", "store-weights-as-f16"].includes(name))
    .find((name) => disable.includes(name));
  if (needed !== undefined)
    throw optionError("pipeline", `${needed} can't be disabled`, "the entry point depends on it");
  return passes.filter((p) => !disable.includes(p.name)).map(ownPass);
}

/** The fusing passes, which change how much is computed at once and never what. */
export const FUSING_PASSES: readonly string[] = [
  "fuse-attention",
  "fuse-layer-norm",
  "fuse-gelu",
  "fuse-linear",
  "fuse-pointwise",
];
