// How the compiler says no, and what helps it to be sure.
import { detailsOf, type ErrorCode, type ErrorDetails, type Fix, unreachable, WgptError } from "../base/index.ts";

export { type ErrorCode, type ErrorDetails, type Fix, INTERNAL, unreachable, WgptError } from "../base/index.ts";

/** A WgptError of what the compiler can't do, or refuses to; `code` says more. */
export class CompileError extends WgptError {
  override readonly name = "CompileError";

  constructor(place: string, facts: string, details?: string | ErrorDetails, fix?: Fix) {
    super("bad-graph", place, facts, detailsOf(details, fix));
  }
}

/** An error of that code, with a hint and its fix. */
const errorOf =
  (code: ErrorCode) =>
  (place: string, facts: string, hint?: string, fix?: Fix): CompileError =>
    new CompileError(place, facts, { code, hint, fix });

/** A setting of the compiler's that is out of range, or does not go with another. */
export const optionError = errorOf("bad-option");
/** A config that asks for what the graph can't express. */
export const configError = errorOf("bad-config");

/** The error, and what it was made of: `--debug` and a message about a plugin look there for the line. */
export function causedBy<E extends Error>(error: E, cause: unknown): E {
  error.cause = cause;
  return error;
}

/** The element at `index`, where the caller knows that there is one. */
export function at<X>(list: ArrayLike<X>, index: number): X {
  const found = list[index < 0 ? list.length + index : index];
  if (found === undefined) unreachable(`index ${index} of ${list.length}`);
  return found;
}
