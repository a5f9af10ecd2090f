// What was found for a region, kept for all that differ from it in names: the layers of a model are alike.
import type { Kernel } from "./kernel.ts";
import type { Target } from "./target.ts";

/** What is kept for one target and one list of kernels, by key; nothing of either is held on to. */
export function regionMemory<T>(): (target: Target, kernels: readonly Kernel[]) => Map<string, T> {
  const memory = new WeakMap<Target, WeakMap<readonly Kernel[], Map<string, T>>>();
  return (target, kernels) => {
    const ofTarget = memory.get(target) ?? new WeakMap<readonly Kernel[], Map<string, T>>();
    memory.set(target, ofTarget);
    const found = ofTarget.get(kernels) ?? new Map<string, T>();
    ofTarget.set(kernels, found);
    return found;
  };
}
