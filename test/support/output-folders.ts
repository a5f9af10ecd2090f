// Folders to write bundles into, small ones of texts, and what is then there.
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { BUNDLE, type FolderKind } from "../../cli/folder-kinds.ts";
import { claimFolders, replaceFolders } from "../../cli/output-folder.ts";
import { RuntimeError } from "../../runtime/index.ts";

/** Runs `body` in a new folder, which it names, and removes it. */
export async function inRoot(body: (at: (...parts: readonly string[]) => string) => Promise<void>): Promise<void> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "wgpt-output-")));
  try {
    await body((...parts) => join(root, ...parts));
  } finally {
    rmSync(root, { recursive: true });
  }
}

/** The texts of a bundle, as far as a folder's owner is told from them. */
export const bundle = (...kernels: readonly string[]): ReadonlyMap<string, string> =>
  new Map([
    [
      "plan.json",
      JSON.stringify({
        format: "wgpt-bundle",
        tokenizer: ["tokenizer.json"],
        variants: [{ kernels: kernels.map((k) => ({ file: `kernels/${k}.wgsl` })) }],
      }),
    ],
    ["weights.json", JSON.stringify({ format: "wgpt-weights", shards: [{ file: "weights/1.safetensors" }] })],
    ...["index.ts", "index.js", "index.d.ts", "graph.txt", "tokenizer.json", "weights/1.safetensors"].map(
      (name) => [name, name] as const,
    ),
    ...kernels.map((k) => [`kernels/${k}.wgsl`, `// ${k}`] as const),
  ]);

export async function write(
  path: string,
  files: ReadonlyMap<string, string> | ((temporary: string) => Promise<ReadonlyMap<string, string>>),
  kind: FolderKind = BUNDLE,
): Promise<void> {
  const folders = await claimFolders([{ path, kind }], []);
  await replaceFolders(folders.map((folder) => ({ folder, files })));
}

export const complaint = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "nothing was refused",
    (error: unknown) => {
      if (error instanceof RuntimeError) return error.message;
      throw error;
    },
  );

/** Every file below, with its text. */
export const read = (folder: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [relative(folder, path), readFileSync(path, "utf8")]),
  );
