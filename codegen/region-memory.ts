// What was found for a region, kept for all that differ from it in names: the layers of a model are alike.
import type { Target } from "./target.ts";
import type { Toolkit } from "./toolkit.ts";

/** What is kept for one target, one list of kernels and one of storages, by key; none of the three is held on to. */
export function regionMemory<T>(): (target: Target, toolkit: Pick<Toolkit, "kernels" | "storages">) => Map<string, T> {
  const memory = new WeakMap<object, WeakMap<object, WeakMap<object, Map<string, T>>>>();
  return (target, { kernels, storages }) => {
    const ofTarget = entryOf(memory, target, () => new WeakMap<object, WeakMap<object, Map<string, T>>>());
    const ofKernels = entryOf(ofTarget, kernels, () => new WeakMap<object, Map<string, T>>());
    return entryOf(ofKernels, storages, () => new Map<string, T>());
  };
}

function entryOf<X>(map: WeakMap<object, X>, key: object, make: () => X): X {
  const found = map.get(key) ?? make();
  map.set(key, found);
  return found;
}
