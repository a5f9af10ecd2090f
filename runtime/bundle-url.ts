// A bundle's files over HTTP, in ranges, for a browser.
import type { BundleFiles } from "./bundle.ts";
import { WHOLE_FOLDER } from "./bundle-place.ts";
import { fileError } from "./errors.ts";
import type { Address } from "./host-types.ts";

const OK = 200;
const PARTIAL = 206;

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

/** Files below `folder`, an address that ends in a slash or is meant to. `hint` is the way out when one is not there. */
export async function openBundleUrl(folder: Address, hint: string = WHOLE_FOLDER): Promise<BundleFiles> {
  const base = new URL(`${resolveAddress(folder).href.replace(/\/$/, "")}/`);
  const get = async (file: string, headers: Record<string, string> = {}): Promise<Response> => {
    const address = new URL(file, base);
    const response = await fetch(address, { headers }).catch((error: unknown) => {
      throw fileError(
        address.href,
        `can't be fetched: ${error instanceof Error ? error.message : String(error)}`,
        hint,
      );
    });
    if (!response.ok) throw fileError(address.href, `the server answers ${response.status}`, hint);
    return response;
  };
  /** The file that a server without ranges sent whole: the next range is likely to be of the same one. */
  let whole: { readonly file: string; readonly bytes: ArrayBuffer } | undefined;
  return {
    place: base.href.replace(/\/$/, ""),
    text: async (file) => (await get(file)).text(),
    async bytes(file, offset, length) {
      const end = offset + length;
      if (whole?.file !== file) {
        const response = await get(file, { Range: `bytes=${offset}-${end - 1}` });
        const bytes = await response.arrayBuffer();
        if (response.status === PARTIAL) return part(file, bytes, 0, length);
        if (response.status === OK) whole = { file, bytes };
      }
      return part(file, whole?.bytes ?? new ArrayBuffer(0), offset, length);
    },
    close: async () => {
      whole = undefined;
    },
  };

  function part(file: string, bytes: ArrayBuffer, offset: number, length: number): Uint8Array<ArrayBuffer> {
    if (bytes.byteLength >= offset + length) return new Uint8Array(bytes.slice(offset, offset + length));
    throw fileError(new URL(file, base).href, `ends before byte ${offset + length}`, "upload the bundle again");
  }
}
