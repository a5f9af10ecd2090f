// Where a command's MODEL is read from.
import { readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ReadModel } from "./read-model.ts";

/** The folder that a model is read from, also where it is given as a file in it; undefined for a preset. */
export async function modelFolder({
  name,
  isPreset,
}: Pick<ReadModel, "name" | "isPreset">): Promise<string | undefined> {
  if (isPreset) return undefined;
  return (await isFile(name)) ? dirname(name) : name;
}

/** That folder, and the files elsewhere that links in it lead to, as in the hub's cache. */
export async function modelPaths(model: Pick<ReadModel, "name" | "isPreset">): Promise<readonly string[]> {
  const folder = await modelFolder(model);
  if (folder === undefined) return [];
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const links = entries.filter((entry) => entry.isSymbolicLink()).map((entry) => join(folder, entry.name));
  const files = await Promise.all(links.map(async (link) => ((await isFile(link)) ? [link] : [])));
  return [folder, ...files.flat()];
}

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
