// `npm run build`: compiles the sources into dist/.
import { chmodSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { staleTemplates } from "./fresh-templates.mjs";
import { capture, ROOT, say } from "./run-command.mjs";

const DIST = join(ROOT, "dist");
const MAIN = join(DIST, "cli", "main.js");

const stale = staleTemplates();
if (stale !== undefined) {
  say(stale);
  process.exit(1);
}
rmSync(DIST, { recursive: true, force: true });
const tsc = join(ROOT, "node_modules", "typescript", "bin", "tsc");
const { ok, output } = await capture([process.execPath, tsc, "-p", "tsconfig.build.json"]);
if (!ok) {
  say(`build: tsc refused the sources\n${output.trimEnd()}`);
  process.exit(1);
}
if (existsSync(MAIN)) chmodSync(MAIN, 0o755);
