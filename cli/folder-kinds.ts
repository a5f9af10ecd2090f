// The kinds of folders that commands write whole, and which files of such a folder are ours: those that it lists itself.

import { readdir, writeFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { BUNDLE_FILES } from "../codegen/index.ts";
import { parseJson } from "../engine/index.ts";

export interface FolderKind {
  readonly name: string;
  /** The file that says what the folder is. */
  readonly mark: string;
  /** The mark's `format`. */
  readonly format: string;
  /**
   * The files that the folder lists, the mark among them, with `/` between names; `mark` is what the mark holds, and `read`
   * gives the text of another file that lists some, or nothing where there is none.
   */
  list(mark: object, read: (name: string) => Promise<string>): Promise<Iterable<string>>;
  /** Writes the mark into a folder that is otherwise whole. A bundle has its own already. */
  writeMark?(folder: string): Promise<void>;
}

export const BUNDLE: FolderKind = {
  name: "bundle",
  mark: "plan.json",
  format: "wgpt-bundle",
  async list(plan, read) {
    const weights = await read("weights.json");
    return [...BUNDLE_FILES, ...stringsAt("tokenizer", plan), ...filesNamed(plan), ...filesNamed(parseObject(weights))];
  },
};

/** A folder of any files, which its mark lists. */
const listedFolder = (name: string): FolderKind => {
  const [mark, format] = [`${name}.json`, `wgpt-${name}`];
  return {
    name,
    mark,
    format,
    list: async (json) => [mark, ...stringsAt("files", json)],
    async writeMark(folder) {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true });
      const files = entries
        .filter((entry) => !entry.isDirectory())
        .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"))
        .sort();
      await writeFile(join(folder, mark), `${JSON.stringify({ format, version: 1, files }, undefined, 1)}\n`);
    },
  };
};

/** What `compile --dump` writes. */
export const DUMP = listedFolder("dump");
/** The page that examples/browser/serve.ts writes. */
export const SITE = listedFolder("site");

/** The object that a text of JSON holds; undefined where it holds none. */
export function parseObject(text: string): object | undefined {
  try {
    const json = parseJson(text);
    return typeof json === "object" && json !== null ? json : undefined;
  } catch {
    return undefined;
  }
}

/** The strings of an array that a file of ours, or one that was damaged, has at `key`. */
function stringsAt(key: string, json: object): readonly string[] {
  const value: unknown = Object.entries(json).find(([name]) => name === key)?.[1];
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

/** Every `file` in the object, however deep: kernels of variants, shards of weights. */
function filesNamed(json: unknown): readonly string[] {
  if (typeof json !== "object" || json === null) return [];
  return Object.entries(json).flatMap(([key, value]) =>
    key === "file" && typeof value === "string" ? [value] : filesNamed(value),
  );
}
