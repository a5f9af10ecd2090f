// Which of several ways to compute the same is predicted to be the fastest: the part of the policy that passes choose steps by.
import type { Node, SymbolValues } from "../ir/index.ts";
import type { RegionPolicy } from "../passes/index.ts";
import { type RankedKernel, rankKernels } from "./rank-kernels.ts";
import { kernelPolicy } from "./select-kernel.ts";
import type { Target } from "./target.ts";
import type { Toolkit } from "./toolkit.ts";

/** Another way has to take this part of the time at most: predictions are no nearer than that. */
const CLEARLY = 0.9;

/** What the ways are compared on. */
interface Comparing {
  readonly target: Target;
  readonly toolkit: Toolkit;
  /** What symbols are in the call that is compared. */
  readonly lengths: SymbolValues;
}

/**
 * The node itself, unless a way is clearly faster; a way is not that has a step which no kernel computes, which needs more buffers than the
 * target binds, or whose kernel accounts for nothing.
 */
export const compareWays = ({ target, toolkit, lengths }: Comparing): NonNullable<RegionPolicy["compare"]> => {
  const policy = kernelPolicy(target, toolkit);
  return (_question, node, ways) => {
    const best = (one: Node): RankedKernel | undefined => {
      const ranked = rankKernels(one, target, lengths, toolkit)[0];
      return ranked?.accounts ? ranked : undefined;
    };
    const secondsOf = (steps: readonly Node[]): number =>
      steps.some((step) => policy.refusesNode?.(step) !== undefined)
        ? Number.POSITIVE_INFINITY
        : steps.reduce((sum, step) => sum + (best(step)?.prediction.seconds ?? Number.POSITIVE_INFINITY), 0);
    const own = best(node)?.prediction;
    // What reads as fast as memory gives gains nothing, since another step costs its launch.
    if (!own || own.seconds * CLEARLY <= own.parts.memory + 2 * own.parts.launch)
      return { seconds: [own?.seconds ?? Number.NaN] };
    const others: number[] = [];
    for (const way of ways()) {
      const [before = Number.POSITIVE_INFINITY] = others.slice(-1);
      const seconds = secondsOf(way);
      others.push(seconds);
      // Finer cuts cost more launches and sums than what they share brings.
      if (seconds > before) break;
    }
    const fastest = others.indexOf(Math.min(...others));
    const isClear = (others[fastest] ?? Number.POSITIVE_INFINITY) <= CLEARLY * own.seconds;
    return { seconds: [own.seconds, ...others], ...(isClear && { chosen: fastest }) };
  };
};
