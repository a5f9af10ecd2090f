// A promise that has to fail, and how.
import * as assert from "uvu/assert";
import { RuntimeError } from "../../runtime/errors.ts";

/** Fails unless `work` is refused with an error of ours whose text matches. */
export async function rejects(work: Promise<unknown>, message: RegExp, kind = RuntimeError): Promise<void> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof kind, `it should be refused with a ${kind.name}, but ${error ?? "it went through"}`);
  assert.match(error.message, message);
}
