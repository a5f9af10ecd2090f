// Calls of what an op's own file, or a user, has written: what such code throws names the op and the member.
import { CompileError, causedBy, INTERNAL, WgptError } from "./errors.ts";

/**
 * What the member gives.
 * @throws CompileError that names place and member for whatever the member throws; its own CompileErrors pass.
 */
export function callMember<X>(place: string, member: string, call: () => X): X {
  try {
    return call();
  } catch (error) {
    if (error instanceof WgptError) throw error;
    throw causedBy(new CompileError(place, `its ${member} throws ${thrownText(error)}`, `mend ${member}`), error);
  }
}

/** What was thrown, in one line: `TypeError: x is undefined`. Who calls `at` beyond a list's end has not met a bug of ours. */
export const thrownText = (error: unknown): string =>
  error instanceof Error
    ? `${error.name}: ${error.message}`.replace(INTERNAL, "").split("\n", 1).join()
    : String(error);
