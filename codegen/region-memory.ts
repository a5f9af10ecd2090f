// What was found for a region, kept for all that differ from it in names: the layers of a model are alike.
import type { Target } from "./target.ts";
import type { Toolkit } from "./toolkit.ts";

/** What is kept for one target, one list of kernels and one of storages, by key; none of the three is held on to. */
export type RegionMemory<T> = (target: Target, toolkit: Pick<Toolkit, "kernels" | "storages">) => Map<string, T>;

/** A memory for each target. */
export function regionMemory<T>(): RegionMemory<T> {
  const memory = memoryBy(() => new Map<string, T>());
  return (target, { kernels, storages }) => memory(target, kernels, storages);
}

/** One for all targets that differ in their features at most. */
export function machineMemory<T>(): RegionMemory<T> {
  const memory = memoryBy(() => new Map<string, Map<string, T>>());
  return ({ name, machine, limits }, { kernels, storages }) => {
    const named = memory(machine, limits, kernels, storages);
    const found = named.get(name) ?? new Map<string, T>();
    named.set(name, found);
    return found;
  };
}

/** What is made once for the same objects, in the same order. */
function memoryBy<X>(make: () => X): (first: object, ...others: readonly object[]) => X {
  interface Step {
    readonly next: WeakMap<object, Step>;
    made?: X;
  }
  const root: Step = { next: new WeakMap() };
  return (...keys) => {
    const last = keys.reduce<Step>((step, key) => {
      const found = step.next.get(key) ?? { next: new WeakMap() };
      step.next.set(key, found);
      return found;
    }, root);
    last.made ??= make();
    return last.made;
  };
}
