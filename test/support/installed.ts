// The package as a user has it: packed by npm with its build, and installed by npm from the tarball into an empty folder.
// Nothing is downloaded: `overrides` has the dependencies linked from this project's node_modules. All test files share one
// such folder, which goes when the process ends.
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { npm } from "../../tools/packages.mjs";
import { capture, ROOT } from "../../tools/run-command.mjs";

export interface Installed {
  /** The user's folder, with `node_modules/wgpt` in it. */
  readonly folder: string;
  readonly tarballBytes: number;
  /** Runs a program in the user's folder, and gives its stdout; fails when that ends with an error. */
  run(command: readonly [string, ...string[]]): Promise<string>;
  /** Runs a JavaScript file of the folder under plain Node. */
  node(...args: readonly string[]): Promise<string>;
}

const { version, dependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
};

let installed: Promise<Installed> | undefined;

/** The package in a user's folder. Each test file writes under names of its own there. */
export function installPackage(): Promise<Installed> {
  installed ??= install();
  return installed;
}

async function install(): Promise<Installed> {
  const folder = mkdtempSync(join(tmpdir(), "wgpt-package-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const packed = await capture([...npm(), "pack", "--pack-destination", folder]);
  assert.ok(packed.ok, `npm pack: ${packed.ended}\n${packed.output}`);
  assert.equal(readdirSync(folder), [`wgpt-${version}.tgz`]);
  const manifest = {
    name: "a-user",
    private: true,
    type: "module",
    dependencies: { wgpt: `file:wgpt-${version}.tgz` },
    overrides: Object.fromEntries(Object.keys(dependencies).map((name) => [name, `file:${modulePath(name)}`])),
  };
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  const run: Installed["run"] = async (command) => {
    const { ok, stdout, output, ended } = await capture(command, { cwd: folder, seconds: 120 });
    assert.ok(ok, `${command.join(" ")}: ${ended}\n${output}`);
    return stdout;
  };
  // A cache of its own, so that nothing depends on what this machine has downloaded before.
  const offline = ["--offline", "--ignore-scripts", "--no-audit", "--no-fund", "--cache", join(folder, "cache")];
  await run([...npm(), "install", ...offline]);
  // What a program on Node has beside the package.
  linkModule(folder, "@types/node");
  return {
    folder,
    tarballBytes: statSync(join(folder, `wgpt-${version}.tgz`)).size,
    run,
    node: (...args) => run([process.execPath, ...args]),
  };
}

/** Puts a package of this project into another folder's node_modules. */
export function linkModule(folder: string, name: string): void {
  const place = join(folder, "node_modules", name);
  mkdirSync(join(place, ".."), { recursive: true });
  symlinkSync(modulePath(name), place, "junction");
}

const modulePath = (name: string): string => join(ROOT, "node_modules", name);
