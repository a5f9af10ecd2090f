// Where a bundle's files lie, as its module knows it: beside the module, or in the folder that `load` is given as `base`.
import { bundleError } from "./errors.ts";

const GIVE_BASE = "give `load` the folder of the bundle's files as `base`";

/** The way out where a file of a bundle is not where it was looked for. */
export const WHOLE_FOLDER = `a bundle is the whole folder that \`wgpt compile\` wrote; if a bundler moved its module, ${GIVE_BASE}`;

/**
 * The folder in which a module lies, by its `import.meta.url`. A bundle's module calls this: `new URL(".", import.meta.url)`
 * written there would be taken by bundlers for an asset, which they inline or copy.
 * @throws RuntimeError for a module that lies in no folder: CommonJS made by a bundler, a `data:` or a `blob:` address.
 */
export function folderOf(moduleUrl: string | undefined): string {
  if (moduleUrl === undefined)
    throw bundleError("import.meta.url", "is undefined, so that nothing tells where the bundle lies", GIVE_BASE);
  const { protocol } = new URL(moduleUrl);
  if (protocol === "data:" || protocol === "blob:")
    throw bundleError("import.meta.url", `is a ${protocol} address, which has no files beside it`, GIVE_BASE);
  return new URL("./", moduleUrl).href;
}
