// Errors of calls whose device is lost: what WebGPU says of them then is nothing, or "AbortError".
import type { OpenDevice } from "./device.ts";
import { RuntimeError } from "./errors.ts";

/** How many turns of the event loop the news of a loss may come after what failed of it. */
const LATE_TURNS = 3;

/**
 * What `calls` give. Where they fail and the device is lost, that is the error.
 * @throws RuntimeError with the code `device-lost`; any other error as it is.
 */
export async function namingLoss<T>(open: OpenDevice, place: string, calls: () => Promise<T>): Promise<T> {
  try {
    return await calls();
  } catch (error) {
    await throwIfLostSoon(open, place, error);
    throw error;
  }
}

/**
 * Waits a moment for the news that the device is lost, which `error` may come from.
 * @throws RuntimeError with the code `device-lost` when it comes.
 */
export async function throwIfLostSoon(open: OpenDevice, place: string, error: unknown): Promise<void> {
  // These have nothing to do with what WebGPU says.
  if (error instanceof RuntimeError && (error.code === "closed" || error.code === "device-lost")) return;
  for (let turn = 0; turn < LATE_TURNS; turn++) {
    open.throwIfLost(place);
    await new Promise((resolve) => setTimeout(resolve));
  }
  open.throwIfLost(place);
}
