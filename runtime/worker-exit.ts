// A worker thread that ends while Dawn owes it an answer takes the whole process down: the binding aborts when it is
// unloaded with a promise still pending. Dawn answers only when the event loop calls it, and a thread that ends turns no
// more. So in a worker the calls that Dawn asks `setImmediate` for are remembered, and made before the thread is gone.
import { isMainThread } from "node:worker_threads";

/** What Dawn wants to be called by, and has not been. */
const pending = new Set<() => void>();
let watching = false;

/**
 * Before Dawn is first asked: once in a worker, nothing on the main thread, which ends without harm. `abandon` makes Dawn give
 * up what it has not done; it is called when the thread ends by itself, by `process.exit` or by an error. When it is
 * terminated from outside, nothing can be called any more.
 */
export function watchWorkerExit(abandon: () => void): void {
  if (isMainThread || watching) return;
  watching = true;
  const original = globalThis.setImmediate;
  const watched = (callback: (...args: readonly unknown[]) => void, ...args: readonly unknown[]) => {
    if (args.length > 0 || !isDawns(callback)) return original(callback, ...args);
    pending.add(callback);
    return original(() => {
      if (pending.delete(callback)) callback();
    });
  };
  globalThis.setImmediate = Object.defineProperties(
    watched,
    Object.getOwnPropertyDescriptors(original),
  ) as typeof original;
  process.on("exit", () => {
    abandon();
    // What was given up is answered in two rounds. Other users of Dawn in this thread may have more on their way.
    answerPending(1000);
  });
}

/** Gives Dawn the chance to settle what it owes to a device that was closed, before somebody may terminate this worker. */
export const answerPending = (rounds = 2): void => {
  for (let round = 0; round < rounds && pending.size > 0; round++)
    for (const call of [...pending]) {
      pending.delete(call);
      call();
    }
};

/** A function of a native module without a name. What settles a promise is one too, but takes an argument. */
const isDawns = (callback: { readonly name: string; readonly length: number }): boolean =>
  callback.name === "" && callback.length === 0 && Function.prototype.toString.call(callback).includes("[native code]");
