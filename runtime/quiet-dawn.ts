// Dawn writes to stderr, from C++, that it lowered two limits nobody here asks for; it does so on Mesa drivers and has
// no switch for it. While `action` runs, file descriptor 2 is /dev/null, so that a command's stderr holds our lines alone.
import { closeSync, fstatSync, openSync } from "node:fs";

/** Runs `action`, which must do its noisy work before it first waits. Only on Linux; elsewhere Dawn does not warn. */
export function withoutDawnWarnings<X>(action: () => X): X {
  // A reopened file has a position of its own, and would overwrite what other processes write to the same one.
  if (process.platform !== "linux" || fstatSync(2).isFile()) return action();
  const saved = tryOpen("/proc/self/fd/2", "a");
  if (saved === undefined) return action();
  closeSync(2);
  // The lowest free descriptor is the one just closed: nothing runs between the two calls.
  tryOpen("/dev/null", "a");
  try {
    return action();
  } finally {
    closeSync(2);
    tryOpen(`/proc/self/fd/${saved}`, "a");
    closeSync(saved);
  }
}

/** Sockets can't be reopened; then the warnings stay. */
function tryOpen(path: string, flags: string): number | undefined {
  try {
    return openSync(path, flags);
  } catch {
    return undefined;
  }
}
