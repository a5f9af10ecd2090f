// Are the npm packages installed, as the lock file has them? If not, `npm ci`.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { capture, lastLines, ROOT, say } from "./run-command.mjs";

/** @typedef {Record<string, { version?: string, integrity?: string, optional?: boolean }>} LockedPackages */

/**
 * npm notes what it installed in node_modules/.package-lock.json, last of all, so a half-finished install has no
 * note. Comparing the two costs a millisecond and, unlike file times, survives a checkout or a copied folder.
 * @param {string} [root]
 */
export function packagesAreCurrent(root = ROOT) {
  const note = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(note)) return false;
  const installed = readPackages(note);
  return Object.entries(readPackages(join(root, "package-lock.json"))).every(([path, wanted]) => {
    const found = installed[path];
    // Optional packages are the builds for other systems.
    if (path === "" || (found === undefined && wanted.optional)) return true;
    return found?.version === wanted.version && found?.integrity === wanted.integrity;
  });
}

/** Installs what is missing or out of date. False, with the reason printed, when that fails. */
export async function ensurePackages() {
  if (packagesAreCurrent()) return true;
  const began = performance.now();
  say("installing npm packages (npm ci), once …");
  const { ok, output, ended } = await capture([...npm(), "ci", "--no-audit", "--no-fund"]);
  if (ok) {
    say(`packages installed in ${((performance.now() - began) / 1000).toFixed(0)} s`);
    return true;
  }
  say(`npm ci failed (${ended}):\n${lastLines(output, 30)}`);
  return false;
}

/** How to start npm: the one that started us if it did, because on Windows `npm` is a script for the shell. */
export function npm() {
  const cli = process.env["npm_execpath"];
  if (cli?.endsWith("npm-cli.js")) return /** @type {const} */ ([process.execPath, cli]);
  return /** @type {const} */ (["npm"]);
}

/**
 * @param {string} file
 * @returns {LockedPackages}
 */
function readPackages(file) {
  return JSON.parse(readFileSync(file, "utf8")).packages ?? {};
}
