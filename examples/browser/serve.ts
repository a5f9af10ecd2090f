// A bundle in a browser: compiles the embedded model, or another, and serves the page that runs it. It is built from wgpt's
// sources and with esbuild, so in a clone only:
//
//   npx tsx examples/browser/serve.ts
//   npx tsx examples/browser/serve.ts --model path/to/gpt2 --port 8081
//   npx tsx examples/browser/serve.ts --out site            writes the static files and serves nothing

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { WgptError } from "wgpt/runtime";
import { SITE } from "../../cli/folder-kinds.ts";
import { claimFolders, replaceFolders } from "../../cli/output-folder.ts";
import { undoable } from "../../cli/undo.ts";
import { standard } from "../../codegen/index.ts";
import { modelPaths, readModel } from "../../engine/index.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { buildSite } from "./site.ts";
import { serveFolder } from "./static-server.ts";

const { values } = parseArgs({
  options: {
    model: { type: "string", default: "models/shakespeare" },
    port: { type: "string", default: "8080" },
    out: { type: "string" },
  },
});

try {
  if (values.model === "") throw new RuntimeError("--model", "is an empty path", "give a checkpoint's folder");
  const model = resolve(values.model);
  if (values.out !== undefined) {
    await writeSite(values.out, model);
    console.log(`${values.out}: put it on any web server that answers ranges, over https`);
  } else await serve(portOf(values.port), model);
} catch (error) {
  if (!(error instanceof WgptError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

function portOf(text: string): number {
  if (/^\d+$/.test(text) && Number(text) < 2 ** 16) return Number(text);
  throw new RuntimeError("--port", `is ${text}`, "give a whole number below 65536; 0 is any port that is free");
}

/** Replaces an older site, and nothing else. */
async function writeSite(out: string, model: string): Promise<void> {
  const folders = await claimFolders([{ path: out, kind: SITE }], await modelPaths(await readModel(model, standard)));
  const files = async (made: string) => {
    await buildSite(made, model, basename(model));
    return new Map<string, string>();
  };
  await replaceFolders(folders.map((folder) => ({ folder, files })));
}

/** Until a signal ends the process, and the site with it. */
function serve(port: number, model: string): Promise<void> {
  return undoable(async (note) => {
    const site = mkdtempSync(join(tmpdir(), "wgpt-browser-"));
    note(() => rmSync(site, { recursive: true, force: true, maxRetries: 5 }));
    await buildSite(site, model, basename(model));
    const server = await serveFolder(site, port);
    console.log(`${server.url}  (Ctrl-C ends it)`);
    await new Promise(() => {});
  });
}
