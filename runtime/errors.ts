// How the runtime says no.
import { WgptError } from "../base/index.ts";

export { type Fix, WgptError } from "../base/index.ts";

/** What can't be read, loaded or run as it was asked for. */
export class RuntimeError extends WgptError {
  override readonly name = "RuntimeError";
}
