// Kernels and configurations in the order of their predicted times: to be shown. What a plan has is chosen by `selectKernel`.
import type { Node, SymbolValues } from "../ir/index.ts";
import { demandOf, type Prediction, predict } from "./cost.ts";
import type { ConfiguredKernel } from "./kernel.ts";
import { regionKey } from "./region-key.ts";
import { regionMemory } from "./region-memory.ts";
import { renderShader } from "./render-shader.ts";
import { candidates, type Kernels } from "./select-kernel.ts";
import type { Target } from "./target.ts";
import { standard } from "./toolkit.ts";

/** A kernel in one of its configurations, and how long it is predicted to take. */
export interface RankedKernel extends ConfiguredKernel {
  readonly prediction: Prediction;
}

const knownRanks = regionMemory<readonly RankedKernel[]>();

/** Predictions this near say nothing of which is faster: then it is the kernel that comes first, in the configuration that does. */
const NEAR = 0.01;

/**
 * Every kernel and configuration that takes the node on the target, that with the least predicted time for these lengths first.
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
  const all = candidates(node, target, toolkit).flatMap(({ kernel, configs }) =>
    configs.map((config): RankedKernel => {
      const shader = renderShader({ kernel, config }, node, target, undefined, toolkit);
      return { kernel, config, prediction: predict(demandOf(shader, lengths), target.machine) };
    }),
  );
  const least = Math.min(...all.map(secondsOf));
  const first = all.find((r) => secondsOf(r) <= least * (1 + NEAR));
  return [...(first ? [first] : []), ...all.filter((r) => r !== first).sort((a, b) => secondsOf(a) - secondsOf(b))];
}

/** A kernel whose account can not be evaluated comes after all whose can. */
const secondsOf = ({ prediction: { seconds } }: RankedKernel): number =>
  Number.isNaN(seconds) ? Number.POSITIVE_INFINITY : seconds;
