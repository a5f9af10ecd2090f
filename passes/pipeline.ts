// The compiler's table of contents: which passes run, in which order, and why there.
import { optionError } from "../ir/index.ts";
import { bindSymbols } from "./bind-symbols.ts";
import { canonicalize } from "./canonicalize.ts";
import { chooseSteps } from "./choose-steps.ts";
import { eliminateCommonSubexpressions } from "./eliminate-common-subexpressions.ts";
import { eliminateDeadValues } from "./eliminate-dead-values.ts";
import { expandUntaken } from "./expand-untaken.ts";
import { foldConstants } from "./fold-constants.ts";
import { fuseAttention, fuseAttentionFor } from "./fuse-attention.ts";
import { fuseGelu } from "./fuse-gelu.ts";
import { fuseLayerNorm } from "./fuse-layer-norm.ts";
import { fuseLinear } from "./fuse-linear.ts";
import { defaultPolicy, fusePointwise } from "./fuse-pointwise.ts";
import { fuseRmsNorm } from "./fuse-rms-norm.ts";
import { fuseScatter } from "./fuse-scatter.ts";
import { packVectors } from "./pack-vectors.ts";
import { ownPass, type Pass } from "./pass.ts";
import { makePass, type PassContext, type PassMaker, type PassSpec } from "./pass-maker.ts";
import { splitLargeWeights } from "./split-large-weights.ts";
import { storeCachesAsF16 } from "./store-caches.ts";
import { storeWeightsAsF16 } from "./store-weights.ts";

/** A pass of ours that is made for an entry point; `example` says its name and role, whatever it is made for. */
function made(example: Pass, make: (context: PassContext) => Pass | undefined): PassMaker {
  const { name, summary, role } = example;
  return { name, summary, role, make: (context) => make(context)?.run };
}

/** wgpt's own passes, in order. */
export const PASSES: readonly PassSpec[] = [
  // First of all: what the entry point fixes is a number for everyone after.
  made(bindSymbols({}), ({ symbols }) => bindSymbols(symbols)),
  // A reader that nothing needs would keep what it reads from being fused. The rules drop what they leave behind.
  eliminateDeadValues,
  // One spelling, so that the rules below meet fewer; literals folded, so that canonical forms show.
  canonicalize,
  foldConstants,
  // Every layer builds the same causal mask; sharing it keeps the unfused graph small too.
  eliminateCommonSubexpressions,
  // Casts are made one for each reader: after equal nodes were shared, before kernels take them in.
  made(storeWeightsAsF16, ({ weights }) => (weights === "f16" ? storeWeightsAsF16 : undefined)),
  made(storeCachesAsF16, ({ caches }) => (caches === "f16" ? storeCachesAsF16 : undefined)),
  // By the bytes that weights take as they are stored. After equal nodes were shared, for each reader of parts joins them for
  // itself; before the rules below look at products, which are products with parts then.
  made(splitLargeWeights(Number.POSITIVE_INFINITY), ({ maxWeightBytes, maxBuffers }) =>
    maxWeightBytes === undefined ? undefined : splitLargeWeights(maxWeightBytes, maxBuffers),
  ),
  // The named patterns, largest first: attention's softmax and scale must not be taken apart by the general fusion.
  made(fuseAttention, ({ policy }) => fuseAttentionFor((node) => policy.refusesNode?.(node))),
  fuseLayerNorm,
  // After layer norms: a layer norm without its shift is the RMS norm of the deviations.
  fuseRmsNorm,
  fuseGelu,
  // Weights' transposes and biases go into their matmul before the general fusion asks who may grow.
  fuseLinear,
  // After all that may name an op or grow a region for some kernel, before the pieces are taken together.
  made(
    expandUntaken(() => undefined),
    ({ policy }) => policy.refusesNode && expandUntaken((node) => policy.refusesNode?.(node)),
  ),
  // Each pointwise op that is left joins the kernel before or after it.
  made(fusePointwise(), ({ policy }) => fusePointwise(policy)),
  // What is still a scatter of its own had no kernel before it that could take it in.
  made(fuseScatter(), ({ policy }) => fuseScatter(policy)),
  // Of regions that are as large as they get: what they take alone is what a cut is held against.
  made(
    chooseSteps(() => ({ seconds: [] })),
    ({ policy }) => policy.compare && chooseSteps((...asked) => policy.compare?.(...asked) ?? { seconds: [] }),
  ),
  // Last: only now it is known what one kernel reads.
  made(packVectors(defaultPolicy), ({ policy, maxWeightBytes, packVectors: packs }) =>
    packs ? packVectors(policy, maxWeightBytes) : undefined,
  ),
];

const OURS = new Set(PASSES);

/** Which passes run, and what they have to know; see `PassContext`. */
export interface PipelineOptions extends Partial<PassContext> {
  /** Passes to leave out, by name. */
  readonly disable?: readonly string[];
  /** A toolkit's passes; wgpt's own when absent. */
  readonly passes?: readonly PassSpec[];
}

/**
 * The passes in order, those that have nothing to do left out.
 * @throws CompileError for a name in `disable` that is no pass, or of a pass that the entry point depends on.
 */
export function pipeline(options: PipelineOptions = {}): readonly Pass[] {
  const { symbols = {}, policy = defaultPolicy, weights = "f32", caches = "f32" } = options;
  const { disable = [], passes: specs = PASSES } = options;
  const context: PassContext = { ...options, symbols, policy, weights, caches };
  const passes = specs.flatMap((spec) => {
    const pass = makePass(spec, context);
    return !pass ? [] : OURS.has(spec) ? ownPass(pass) : pass;
  });
  const names = specs.map((p) => p.name);
  const unknown = disable.find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw optionError("pipeline", `there is no pass ${unknown}`, `passes are ${names.join(", ")}`);
  const needed = passes.find(({ name, role }) => role === "required" && disable.includes(name));
  if (needed) throw optionError("pipeline", `${needed.name} can't be disabled`, "the entry point depends on it");
  return passes.filter((p) => !disable.includes(p.name));
}
