// What `--only NAME` leaves.
import { optionError, type Plan, type PlanEntry, type PlanKernel } from "../runtime/index.ts";

/** The kernels that have `part` in their names, or else those of the steps that have it in theirs. */
export function kernelsOf({ kernels }: Plan, { steps }: PlanEntry, part: string | undefined): readonly PlanKernel[] {
  const named = steps.filter((s) => part !== undefined && s.label.includes(part)).map((s) => s.kernel);
  if (named.length === 0 || kernels.some((k) => part !== undefined && k.name.includes(part)))
    return only(kernels, (k) => k.name, part, "kernel");
  return kernels.filter((k) => named.includes(k.name));
}

/** The items whose names contain `part`; throws naming some when there is none. */
export function only<X>(
  items: readonly X[],
  name: (x: X) => string,
  part: string | undefined,
  what: string,
): readonly X[] {
  if (part === undefined) return items;
  const found = items.filter((x) => name(x).includes(part));
  if (found.length === 0)
    throw optionError(
      `--only ${part}`,
      `no ${what} has that in its name`,
      `there are ${items.slice(0, 3).map(name).join(", ")}, …`,
    );
  return found;
}
