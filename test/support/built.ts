// The command as it is published, without its types: the sources compiled into a folder of their own, which stands where an
// installed package would and goes when the process ends. `dist/` is the user's, and stays as it is. Compiled once for all
// test files of a process, when the first of them asks: a command that is compiled starts in a third of the processor time.
import { copyFileSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { capture, ROOT } from "../../tools/run-command.mjs";

let built: Promise<string> | undefined;

/** The folder with `dist/` in it. */
export function builtPackage(): Promise<string> {
  built ??= build();
  return built;
}

/** The compiled command's file. */
export const builtCommand = async (): Promise<string> => join(await builtPackage(), "dist", "cli", "main.js");

async function build(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "wgpt-built-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  copyFileSync(join(ROOT, "package.json"), join(folder, "package.json"));
  for (const name of ["node_modules", "models"]) symlinkSync(join(ROOT, name), join(folder, name), "junction");
  // The compiler of TypeScript 7 does it in a second where types need no look; test/package holds what it prints against what
  // `npm run build` makes.
  const tsc = join(ROOT, "node_modules", "typescript-7", "bin", "tsc");
  const flags = ["-p", "tsconfig.build.json", "--outDir", join(folder, "dist"), "--noCheck", "--declaration", "false"];
  const { ok, output, ended } = await capture([process.execPath, tsc, ...flags]);
  assert.ok(ok, `tsc: ${ended}\n${output}`);
  return folder;
}
