// Kernels and configurations in the order of their predicted times, and the choice among them: what a plan has, and what is shown of it.
import type { Node, SymbolValues } from "../ir/index.ts";
import { demandOf, type Prediction, predict } from "./cost.ts";
import type { ConfiguredKernel } from "./kernel.ts";
import type { PrintedFunctions } from "./printed-functions.ts";
import { regionKey } from "./region-key.ts";
import { machineMemory, regionMemory } from "./region-memory.ts";
import { renderShader } from "./render-shader.ts";
import { type Candidate, candidates, type Kernels, selectKernel } from "./select-kernel.ts";
import type { Target } from "./target.ts";
import { standard } from "./toolkit.ts";
import { type FeatureAnswer, watchFeatures } from "./watched-features.ts";

/** A kernel in one of its configurations, and how long it is predicted to take. */
export interface RankedKernel extends ConfiguredKernel {
  readonly prediction: Prediction;
  /** Whether the kernel says what it does; else it is taken to touch every buffer once. */
  readonly accounts: boolean;
}

const knownRanks = regionMemory<readonly RankedKernel[]>();

/** Predictions this near say nothing of which is faster: then it is the kernel that comes first, in the configuration that does. */
const NEAR = 0.01;

/**
 * The kernel and configuration that a plan has for the node: the one with the least predicted time on the target for these lengths.
 * @throws CompileError with every refusal when no kernel takes the node, and where a kernel's `space`, `refuses` or `lower` fails.
 */
export const chooseKernel = (
  node: Node,
  target: Target,
  lengths: SymbolValues,
  toolkit: Kernels = standard,
): ConfiguredKernel => rankKernels(node, target, lengths, toolkit)[0] ?? selectKernel(node, target, toolkit);

/**
 * Every kernel and configuration that takes the node on the target, that with the least predicted time for these lengths first.
 * A kernel that does not account for its work can't be compared: in its first configuration it stands before all others where the toolkit
 * lists it as faster than they are, and else behind those that do account for it.
 * @throws CompileError where a kernel's `space`, `refuses` or `lower` fails.
 */
export function rankKernels(
  node: Node,
  target: Target,
  lengths: SymbolValues,
  toolkit: Kernels = standard,
): readonly RankedKernel[] {
  const known = knownRanks(target, toolkit);
  const key = `${regionKey(node)} ${JSON.stringify(lengths)}`;
  const found = known.get(key) ?? findRanks(node, target, lengths, toolkit);
  known.set(key, found);
  return found;
}

function findRanks(node: Node, target: Target, lengths: SymbolValues, toolkit: Kernels): readonly RankedKernel[] {
  const known = knownPredictions(target, toolkit);
  const region = `${regionKey(node)} ${JSON.stringify(lengths)}`;
  const all = candidates(node, target, toolkit).flatMap(({ kernel, configs }) => {
    if (configs.length === 0) return [];
    const key = `${toolkit.kernels.indexOf(kernel)} ${JSON.stringify(configs)} ${region}`;
    const before = known.get(key) ?? [];
    const found = before.find((a) => a.holdsFor(target));
    if (found) return found.answer;
    const made = watchFeatures(target, (watched) =>
      predictionsOf({ kernel, configs }, node, watched, lengths, toolkit),
    );
    known.set(key, [...before, made]);
    return made.answer;
  });
  const first = all[0]?.accounts === false ? all[0] : nearLeast(all.filter((r) => r.accounts));
  const others = all.filter((r) => r !== first).sort(byTime);
  return [...(first ? [first] : []), ...others];
}

/** Of each kernel of a region, for targets that differ in their features at most. */
const knownPredictions = machineMemory<readonly FeatureAnswer<readonly RankedKernel[]>[]>();

function predictionsOf(
  { kernel, configs }: Pick<Candidate, "kernel" | "configs">,
  node: Node,
  target: Target,
  lengths: SymbolValues,
  toolkit: Kernels,
): readonly RankedKernel[] {
  const printed: PrintedFunctions = new Map();
  return configs.map((config): RankedKernel => {
    const shader = renderShader({ kernel, config }, node, target, undefined, toolkit, printed);
    const prediction = predict(demandOf(shader, lengths), target.machine);
    return { kernel, config, prediction, accounts: shader.account !== undefined };
  });
}

/** The first in the toolkit's order of those with the least time. */
function nearLeast(ranks: readonly RankedKernel[]): RankedKernel | undefined {
  const least = Math.min(...ranks.map(secondsOf));
  return ranks.find((r) => secondsOf(r) <= least * (1 + NEAR));
}

const byTime = (a: RankedKernel, b: RankedKernel): number =>
  Number(b.accounts) - Number(a.accounts) || secondsOf(a) - secondsOf(b) || 0;

/** A kernel whose account can not be evaluated comes after all whose can. */
const secondsOf = ({ prediction: { seconds } }: RankedKernel): number =>
  Number.isNaN(seconds) ? Number.POSITIVE_INFINITY : seconds;
