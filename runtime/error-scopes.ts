// Whose error it is: what WebGPU finds wrong with some calls is told to the one who made them, whatever else the device does
// at the same time. A device has one stack of error scopes for all its callers, so that a scope which stayed open over an
// `await` would hear of the others' errors, and a `pop` would take the others' scope. Here none does.
import { firstLine } from "./device.ts";
import type { GpuDevice } from "./host-types.ts";

/** What WebGPU found wrong with calls: the first of it, and whether memory was missing. */
export interface Problem {
  readonly message: string;
  readonly outOfMemory: boolean;
}

/** What was made in error scopes, and what WebGPU says of it in the end: that promise never fails. */
export interface Scoped<T> {
  readonly made: T;
  readonly problem: Promise<Problem | undefined>;
}

/**
 * Runs `make`, which calls the device and must not wait, in error scopes of its own. What it throws goes on to the caller.
 * An asynchronous call that it begins (a pipeline's) reports by its own promise.
 */
export function inErrorScopes<T>(device: GpuDevice, make: () => T): Scoped<T> {
  device.pushErrorScope("out-of-memory");
  device.pushErrorScope("validation");
  let made: T;
  try {
    made = make();
  } catch (error) {
    // One left open would swallow the errors of all that comes after.
    void popScopes(device);
    throw error;
  }
  return { made, problem: popScopes(device) };
}

async function popScopes(device: GpuDevice): Promise<Problem | undefined> {
  const [invalid, missing] = [pop(device, false), pop(device, true)];
  // What memory was missing for is invalid as well; the first cause is of more use.
  return (await missing) ?? (await invalid);
}

/** A device that is lost may have no answer; that it is lost, `OpenDevice.throwIfLost` says. */
const pop = (device: GpuDevice, outOfMemory: boolean): Promise<Problem | undefined> =>
  device.popErrorScope().then(
    (error) => (error ? { message: firstLine(error.message), outOfMemory } : undefined),
    () => undefined,
  );
