// Skipping a test and saying why. uvu's own `test.skip` forgets the name and the reason; the runner prints both.
import type { Test } from "uvu";

export interface Skip {
  readonly name: string;
  readonly reason: string;
}

const noted: Skip[] = [];

/**
 * `test` itself when `present` is there; else a stand-in that skips by name, for `reason`.
 *
 *     const model = shared("data/models/gpt2");
 *     skipUnless(test, model, "no ../shared/data/models/gpt2")("gives GPT-2's logits", () => { … });
 */
export function skipUnless<T>(test: Test<T>, present: unknown, reason: string): (...args: Parameters<Test<T>>) => void {
  if (present) return test;
  return (name) => {
    test.skip(name);
    noted.push({ name, reason });
  };
}

/** What was skipped since the last call. The runner asks after each file. */
export function takeSkips(): readonly Skip[] {
  return noted.splice(0);
}
