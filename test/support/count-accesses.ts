// Loads and stores of an instrumented plan's steps, counted while they run: no length is enough for any index, so that every access is
// one out of bounds.
import { type InstrumentedStep, initialChecks, violationsOf } from "../../codegen/instrument.ts";
import type { SymbolValues } from "../../ir/type.ts";
import type { Executor } from "../../runtime/executor.ts";

/** Before a run: sets the counters of these steps to 0, and all lengths. */
export function startCounting(executor: Executor, steps: readonly InstrumentedStep[], symbols: SymbolValues): void {
  for (const step of steps)
    executor.write(step.buffer, initialChecks(step, symbols).fill(0, 0, Math.max(1, step.tensors.length)));
}

/** After it: how often the step has accessed each buffer, by `read x` and `write x` of the kernel's names. */
export async function countedAccesses(
  executor: Executor,
  step: InstrumentedStep,
  symbols: SymbolValues,
): Promise<ReadonlyMap<string, number>> {
  const bytes = await executor.readBytes(step.buffer, initialChecks(step, symbols).byteLength);
  const counted = new Map<string, number>();
  for (const { space, variable, kind, times } of violationsOf(step, new Uint32Array(bytes)))
    if (space === "storage") counted.set(`${kind} ${variable}`, (counted.get(`${kind} ${variable}`) ?? 0) + times);
  return counted;
}
