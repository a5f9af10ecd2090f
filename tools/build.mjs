// `npm run build`: compiles the sources into dist/, and puts the kernels' templates next to the compiled kernels.
import { chmodSync, cpSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { capture, ROOT, say } from "./run-command.mjs";

const DIST = join(ROOT, "dist");
const MAIN = join(DIST, "cli", "main.js");

rmSync(DIST, { recursive: true, force: true });
const tsc = join(ROOT, "node_modules", "typescript", "bin", "tsc");
const { ok, output } = await capture([process.execPath, tsc, "-p", "tsconfig.build.json"]);
if (!ok) {
  say(`build: tsc refused the sources\n${output.trimEnd()}`);
  process.exit(1);
}
cpSync(join(ROOT, "codegen"), join(DIST, "codegen"), {
  recursive: true,
  filter: (file) => !/\.[a-z]+$/.test(file) || file.endsWith(".wgsl.hbs"),
});
if (existsSync(MAIN)) chmodSync(MAIN, 0o755);
