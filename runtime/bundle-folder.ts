// A bundle's files in a folder, for Node.
import type { FileHandle } from "node:fs/promises";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { BundleFiles } from "./bundle.ts";
import { WHOLE_FOLDER } from "./bundle-place.ts";
import { bundleError, fileError, RuntimeError, reasonOf } from "./errors.ts";
import type { Address } from "./host-types.ts";
import { openRegular } from "./open-regular.ts";
import { checkPath, realPath } from "./real-path.ts";
import { readRegularText } from "./regular-file.ts";

/**
 * The path that is meant by an address on Node.
 * @throws RuntimeError for an address of another scheme than `file:`, and one that is no path.
 */
export function pathOf(place: Address): string {
  const text = place instanceof URL ? place.href : checkPath(place);
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(text) && !/^file:/i.test(text))
    throw fileError(
      text,
      "is an address, but on Node files are read from a folder",
      "download it, and give its folder",
    );
  if (typeof place === "string" && !place.startsWith("file:")) return place;
  try {
    return fileURLToPath(place);
  } catch (error) {
    throw fileError(text, `is no path of a file: ${reasonOf(error as Error)}`, "give the path itself");
  }
}

export async function openBundleFolder(folder: Address): Promise<BundleFiles> {
  const place = pathOf(folder);
  const handles = new Map<string, Promise<FileHandle>>();
  let closed = false;
  const whole = await realPath(place);
  // A link in a bundle is no reason to read what lies elsewhere.
  const locate = async (file: string): Promise<string> => {
    const path = join(place, file);
    const real = await realPath(path);
    if (real.startsWith(whole.endsWith(sep) ? whole : whole + sep)) return real;
    throw bundleError(
      path,
      `leads to ${real}, outside the bundle`,
      "a bundle is one folder: put the file itself there",
    );
  };
  const failed = (file: string) => (error: Error) => {
    if (error instanceof RuntimeError) throw error;
    throw fileError(join(place, file), `can't be read: ${reasonOf(error)}`, WHOLE_FOLDER);
  };
  return {
    place: place.replace(/[/\\]$/, ""),
    text: (file) =>
      locate(file)
        .then((path) => readRegularText(path))
        .catch(failed(file)),
    async bytes(file, offset, length) {
      // A read that comes late, of a load that failed, must not open what nobody closes.
      if (closed) throw fileError(join(place, file), "read after the bundle was closed", "open the bundle again");
      const handle = handles.get(file) ?? locate(file).then(openRegular);
      handles.set(file, handle);
      const reader = await handle.catch(failed(file));
      const ends = () => fileError(join(place, file), `ends before byte ${offset + length}`, "copy the bundle again");
      if ((await reader.stat()).size < offset + length) throw ends();
      const into = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const { bytesRead } = await reader.read(into, done, length - done, offset + done).catch(failed(file));
        if (bytesRead === 0) throw ends();
        done += bytesRead;
      }
      return into;
    },
    async close() {
      closed = true;
      for (const handle of handles.values()) await handle.then((h) => h.close()).catch(() => undefined);
      handles.clear();
    },
  };
}
