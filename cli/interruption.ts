// Ctrl-C and its like for commands that write much: what is half-written goes first, then the signal does what it was sent for.

/** What ends a command from outside. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Runs `body` with a signal that an interruption aborts; `body` then removes what it made and throws. After that the process
 * ends as if nobody had listened, so that the shell sees why.
 */
export async function interruptible(body: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const interruption = new AbortController();
  const interrupt = (signal: NodeJS.Signals) => interruption.abort(signal);
  for (const signal of SIGNALS) process.once(signal, interrupt);
  try {
    await body(interruption.signal);
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
  } finally {
    for (const signal of SIGNALS) process.off(signal, interrupt);
  }
  if (interruption.signal.aborted) process.kill(process.pid, interruption.signal.reason);
}
