// The page as a folder of static files, which any web server can serve: the bundle as `wgpt compile` writes it, the runtime
// bundled for browsers, and the page itself. All of it is written by this process: whoever ends that need not wait for another
// one that writes on.
import { cp, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { modelSource } from "../../cli/compile-source.ts";
import { bundleTexts, standard, targetByName } from "../../codegen/index.ts";

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, "..", "..");

/** Writes the site to `folder`, with `model` compiled and its weights packed. */
export async function buildSite(folder: string, model: string, name: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await Promise.all([
    writeBundle(model, name, join(folder, "bundle")),
    bundleScripts(folder),
    ...["index.html", "page.css"].map((file) => cp(join(HERE, file), join(folder, file))),
  ]);
}

/** What `wgpt compile MODEL --name NAME --pack-weights --out OUT` writes. */
async function writeBundle(model: string, name: string, out: string): Promise<void> {
  const source = await modelSource(model, { dtype: "auto", packWeights: true }, standard);
  const bundle = await source.compile({ name, target: targetByName("webgpu-default"), toolkit: standard });
  const packed = await source.pack?.(out, bundle.weights.tensors);
  const weights = { ...bundle.weights, ...(packed && { shards: packed.shards }) };
  for (const [file, text] of await bundleTexts({ ...bundle, weights })) await write(join(out, file), text);
}

/** `platform: "browser"` refuses whatever imports a module of Node's. */
async function bundleScripts(outdir: string): Promise<void> {
  const { outputFiles } = await build({
    entryPoints: { "wgpt-runtime": join(ROOT, "runtime", "browser.ts"), page: join(HERE, "page", "main.ts") },
    outdir,
    bundle: true,
    // What is loaded only where it is needed stays a file of its own.
    splitting: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    minify: true,
    sourcemap: true,
    // The page and the bundle share the one that the import map of index.html names.
    external: ["wgpt/runtime"],
    logLevel: "error",
    write: false,
  });
  for (const { path, contents } of outputFiles) await write(path, contents);
}

async function write(path: string, contents: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, contents);
}
