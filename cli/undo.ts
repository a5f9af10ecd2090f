// What a command has begun and must not leave half-done: taken back when it fails, and when a signal or an early exit ends the
// process. A step is synchronous, and a change and the note of its step are made in one turn of the event loop: signals are
// heard between turns, so that they find both or neither.
import { printError } from "./errors.ts";

/** What ends a command from outside. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

type Step = () => void;

/** Notes how what was done is taken back. */
export type Note = (step: Step) => void;

/** The newest first, and in each the newest step. */
const begun: Step[][] = [];

/** Runs `body`. If it throws, or the process ends meanwhile, what it noted is taken back, the newest first. */
export async function undoable<T>(body: (note: Note) => Promise<T>): Promise<T> {
  const steps: Step[] = [];
  begin(steps);
  try {
    return await body((step) => void steps.unshift(step));
  } catch (error) {
    takeBack(steps);
    throw error;
  } finally {
    end(steps);
  }
}

/** Takes the step if the process ends before the function that is returned is called. */
export function beforeExit(step: Step): () => void {
  const steps = [step];
  begin(steps);
  return () => end(steps);
}

let listening = false;

/** Listens as long as there is something to take back: who listens to a signal keeps it from ending a process that computes. */
function begin(steps: Step[]): void {
  begun.unshift(steps);
  if (listening) return;
  listening = true;
  for (const signal of SIGNALS) process.on(signal, endBy);
  process.on("exit", takeAllBack);
}

/**
 * A signal that has come in this turn is not heard yet, and would be lost if nobody listened when it is. What follows in the
 * same turn, such as the removal of what was replaced, is done before it ends the process.
 */
function end(steps: Step[]): void {
  const at = begun.indexOf(steps);
  if (at >= 0) begun.splice(at, 1);
  if (begun.length === 0) afterTheNextTurn(() => begun.length === 0 && stopListening());
}

/** The first comes after this turn, which may have looked for signals already, and the second after one that has. */
function afterTheNextTurn(step: Step): void {
  setImmediate(() => setImmediate(step));
}

function stopListening(): void {
  listening = false;
  for (const signal of SIGNALS) process.off(signal, endBy);
  process.off("exit", takeAllBack);
}

/** Ends the process as if nobody had listened, so that the shell sees why. */
function endBy(signal: NodeJS.Signals): void {
  takeAllBack();
  stopListening();
  process.kill(process.pid, signal);
}

/** What the system was asked to do and has not done yet: a file that is being opened would come after its folder is removed. */
const ON_ITS_WAY_MS = 100;

function takeAllBack(): void {
  // No turn of the event loop ends meanwhile, so that nothing new is begun.
  if (begun.length > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ON_ITS_WAY_MS);
  for (const steps of begun.splice(0)) {
    try {
      takeBack(steps);
    } catch (error) {
      process.stderr.write(`${printError(error)}\n`);
    }
  }
}

/** Takes every step, whichever fail, and then throws what the first of those threw. */
function takeBack(steps: Step[]): void {
  const failures: unknown[] = [];
  for (const step of steps.splice(0)) {
    try {
      step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
