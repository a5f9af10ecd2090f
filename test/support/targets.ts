// The targets for tests that compile for each: one of those that differ in their machine's figures alone.
import { TARGETS, type Target } from "../../codegen/target.ts";

const kindOf = ({ limits, features, machine: { software, nativeHalves } }: Target): string =>
  JSON.stringify([limits, features, software, nativeHalves]);

/** A target for each set of limits and features, on software and on GPUs. */
export const DISTINCT_TARGETS: readonly Target[] = [
  ...new Map(
    Object.values(TARGETS)
      .toReversed()
      .map((target) => [kindOf(target), target]),
  ).values(),
].toReversed();
