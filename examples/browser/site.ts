// The page as a folder of static files, which any web server can serve: the bundle as `wgpt compile` writes it, the runtime
// bundled for browsers, and the page itself.
import { cp, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { RuntimeError } from "../../runtime/errors.ts";
import { capture, lastLines, ROOT } from "../../tools/run-command.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));

/** Writes the site to `folder`, with `model` compiled and its weights packed. */
export async function buildSite(folder: string, model: string, name: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await Promise.all([
    compileBundle(model, name, join(folder, "bundle")),
    bundleScripts(folder),
    ...["index.html", "page.css"].map((file) => cp(join(HERE, file), join(folder, file))),
  ]);
}

/** By the command, because that is what the page is to show: a bundle as everyone gets it. */
async function compileBundle(model: string, name: string, out: string): Promise<void> {
  const args = ["compile", model, "--name", name, "--pack-weights", "--out", out];
  const tsx = import.meta.resolve("tsx");
  const { ok, output } = await capture([process.execPath, "--import", tsx, join(ROOT, "cli", "main.ts"), ...args]);
  if (!ok) throw new RuntimeError(`wgpt ${args.join(" ")}`, lastLines(output, 3));
}

/** `platform: "browser"` refuses whatever imports a module of Node's. */
async function bundleScripts(outdir: string): Promise<void> {
  await build({
    entryPoints: { "wgpt-runtime": join(ROOT, "runtime", "browser.ts"), page: join(HERE, "page", "main.ts") },
    outdir,
    bundle: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    minify: true,
    sourcemap: true,
    // The page and the bundle share the one that the import map of index.html names.
    external: ["wgpt/runtime"],
    logLevel: "error",
  });
}
