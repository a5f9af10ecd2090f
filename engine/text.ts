// Texts from files, and what the system says about files.
import { fileError, reasonOf } from "../runtime/errors.ts";
import { isMissing } from "../runtime/real-path.ts";
import { readRegularText } from "../runtime/regular-file.ts";

export { reasonOf, wayOutOf } from "../runtime/errors.ts";

/**
 * The text, without a byte-order mark.
 * @throws RuntimeError for bytes that are no UTF-8: a model would read another text than the one that was meant.
 */
export function decodeText(bytes: Uint8Array, place: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    const wide = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
    throw fileError(place, `is no text in UTF-8${wide ? ", but in UTF-16" : ""}`, "convert it to UTF-8");
  }
}

/**
 * The text of a file; undefined where there is none. `place` is what the user calls it.
 * @throws RuntimeError for one that can't be read: it must not count as missing.
 */
export const readIfThere = (
  path: string,
  place = path,
  hint = "it must be a file that you may read",
): Promise<string | undefined> =>
  readRegularText(path).catch((error: Error) => {
    if (isMissing(error)) return undefined;
    throw fileError(place, `can't be read: ${reasonOf(error)}`, hint);
  });
