// A bundle's files in a folder, for Node.
import { type FileHandle, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BundleFiles } from "./bundle.ts";
import { WHOLE_FOLDER } from "./bundle-place.ts";
import { fileError } from "./errors.ts";
import type { Address } from "./host-types.ts";

/** The path that is meant by an address on Node. */
export const pathOf = (place: Address): string =>
  typeof place === "string" && !place.startsWith("file:") ? place : fileURLToPath(place);

export async function openBundleFolder(folder: Address): Promise<BundleFiles> {
  const place = pathOf(folder);
  const handles = new Map<string, Promise<FileHandle>>();
  const failed = (file: string) => (error: Error) => {
    throw fileError(join(place, file), `can't be read: ${error.message}`, WHOLE_FOLDER);
  };
  return {
    place: place.replace(/[/\\]$/, ""),
    text: (file) => readFile(join(place, file), "utf8").catch(failed(file)),
    async bytes(file, offset, length) {
      const handle = handles.get(file) ?? open(join(place, file));
      handles.set(file, handle);
      const into = new Uint8Array(length);
      const reader = await handle.catch(failed(file));
      for (let done = 0; done < length; ) {
        const { bytesRead } = await reader.read(into, done, length - done, offset + done).catch(failed(file));
        if (bytesRead === 0)
          throw fileError(join(place, file), `ends before byte ${offset + length}`, "copy the bundle again");
        done += bytesRead;
      }
      return into;
    },
    async close() {
      for (const handle of handles.values()) await handle.then((h) => h.close()).catch(() => undefined);
      handles.clear();
    },
  };
}
