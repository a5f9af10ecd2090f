// How the compiler says no, and what helps it to be sure.
import { unreachable, WgptError } from "../base/index.ts";

export { type Fix, INTERNAL, unreachable, WgptError } from "../base/index.ts";

/** What the compiler can't do, or refuses to. */
export class CompileError extends WgptError {
  override readonly name = "CompileError";
}

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
