// A bundle's files over HTTP, in ranges, for a browser.
import { shortJson } from "../base/index.ts";
import { MOST_RANGE_BYTES } from "./bounds.ts";
import type { BundleFiles } from "./bundle.ts";
import { WHOLE_FOLDER } from "./bundle-place.ts";
import { Download, type Head, PATIENCE, type Patience } from "./download.ts";
import { fileError } from "./errors.ts";
import type { Address } from "./host-types.ts";

/** What a server without ranges may send in the place of one, to be kept: 1 GiB. */
const MOST_WHOLE_BYTES = 2 ** 30;

/** A folder's files, and what their headers say. */
export interface UrlFiles extends BundleFiles {
  head(file: string): Promise<Head>;
}

/**
 * The whole address that is meant by text in a browser: what a page or a worker writes is relative to itself.
 * @throws RuntimeError where it is relative, and there is neither page nor worker.
 */
export function resolveAddress(place: Address): URL {
  const { document, location } = globalThis as {
    readonly document?: { readonly baseURI: string };
    readonly location?: { readonly href: string };
  };
  const base = document?.baseURI ?? location?.href;
  if (URL.canParse(String(place), base)) return new URL(place, base);
  throw fileError(
    String(place),
    "is no whole address, and there is no page that it could be relative to",
    "give a whole address, such as https://example.org/model/",
  );
}

/**
 * Files below `folder`, an address that ends in a slash or is meant to. `hint` is the way out when one is not there. What comes
 * is bounded, and what does not is asked for again; see download.ts.
 */
export async function openBundleUrl(
  folder: Address,
  hint: string = WHOLE_FOLDER,
  patience: Patience = PATIENCE,
): Promise<UrlFiles> {
  const base = new URL(`${resolveAddress(folder).href.replace(/\/$/, "")}/`);
  const downloads = new Map<string, Download>();
  const download = (file: string): Download => {
    const known = downloads.get(file) ?? new Download(addressIn(base, file), hint, patience);
    downloads.set(file, known);
    return known;
  };
  /** The file that a server without ranges sent whole: the next range is likely to be of the same one. */
  let whole: { readonly file: string; readonly bytes: Uint8Array<ArrayBuffer> } | undefined;
  return {
    place: base.href.replace(/\/$/, ""),
    head: (file) => download(file).head(),
    text: async (file) => new TextDecoder().decode(await download(file).whole()),
    async bytes(file, offset, length) {
      if (whole?.file !== file) {
        if (!(offset + length <= Number.MAX_SAFE_INTEGER) || length > MOST_RANGE_BYTES)
          throw fileError(
            addressIn(base, file),
            `${length} bytes are asked for, but at most ${MOST_RANGE_BYTES} are read at once`,
            hint,
          );
        if (length === 0) return new Uint8Array(0);
        const { bytes, isWhole } = await download(file).range(offset, length, MOST_WHOLE_BYTES);
        if (!isWhole) return bytes;
        whole = { file, bytes };
      }
      const part = whole.bytes.slice(offset, offset + length);
      if (part.length === length) return part;
      throw fileError(addressIn(base, file), `ends before byte ${offset + length}`, "upload it again");
    },
    close: async () => {
      whole = undefined;
    },
  };
}

/**
 * A file's address: each part of its name is a name and nothing else.
 * @throws RuntimeError for a name that leads out of the folder.
 */
function addressIn(base: URL, file: string): string {
  const parts = file.split("/");
  if (parts.some((part) => part === "" || part === "." || part === ".." || /\p{Cs}|\\/u.test(part)))
    throw fileError(base.href, `${shortJson(file)} leads out of it, or is no name of a file`, WHOLE_FOLDER);
  return new URL(parts.map(encodeURIComponent).join("/"), base).href;
}
