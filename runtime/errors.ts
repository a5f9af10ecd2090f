// How the runtime says no.
import { detailsOf, type ErrorCode, type ErrorDetails, type Fix, WgptError } from "../base/index.ts";

export { type ErrorCode, type ErrorDetails, type Fix, WgptError } from "../base/index.ts";

/** A WgptError of what can't be read, loaded or run as it was asked for; `code` says more. */
export class RuntimeError extends WgptError {
  override readonly name = "RuntimeError";

  constructor(place: string, facts: string, details?: string | ErrorDetails, fix?: Fix) {
    super("run", place, facts, detailsOf(details, fix));
  }
}

/** An error of that code, with a hint and its fix. */
const errorOf =
  (code: ErrorCode) =>
  (place: string, facts: string, hint?: string, fix?: Fix): RuntimeError =>
    new RuntimeError(place, facts, { code, hint, fix });

/** A file that is missing, can't be read or written, or does not hold what it should. */
export const fileError = errorOf("bad-file");
/** A setting that is out of range, or does not go with another. */
export const optionError = errorOf("bad-option");
/** A checkpoint whose tensors are not the model's. */
export const weightsError = errorOf("missing-weights");
/** A bundle that is none, or of another version. */
export const bundleError = errorOf("bad-bundle");
/** What WebGPU reported. */
export const deviceError = errorOf("device");
