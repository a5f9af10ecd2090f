// Completes package-lock.json after `npm install`. Packages with native parts name one optional package per system,
// and npm leaves out of the lock those that it could not look up, though `npm ci` then refuses the file. This adds
// them by name and version; the system they are for stands in their names. Run: node tools/complete-lock.mjs
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "./run-command.mjs";

const SYSTEMS = ["aix", "android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "openharmony", "sunos", "win32"];

/** @typedef {{ version?: string, dev?: boolean, optional?: boolean, optionalDependencies?: Record<string, string> }} Locked */

/**
 * The entries that optional dependencies ask for and `packages` lacks, by path.
 * @param {Readonly<Record<string, Locked>>} packages
 */
export function missingFromLock(packages) {
  /** @type {Record<string, object>} */
  const missing = {};
  for (const { optionalDependencies = {}, dev } of Object.values(packages))
    for (const [name, version] of Object.entries(optionalDependencies)) {
      const path = `node_modules/${name}`;
      if (Object.keys(packages).some((key) => key === path || key.endsWith(`/${path}`))) continue;
      missing[path] = { version, ...systemOf(name), ...(dev ? { dev } : {}), optional: true };
    }
  return missing;
}

/**
 * `@biomejs/cli-linux-x64-musl` → linux, x64, musl
 * @param {string} name
 */
function systemOf(name) {
  const words = name.slice(name.indexOf("/") + 1).split("-");
  const at = words.findIndex((word) => SYSTEMS.includes(word));
  const [os, cpu, abi] = words.slice(at);
  if (at < 0 || cpu === undefined) throw new Error(`${name}: its name tells no system, so add it to the lock by hand`);
  const libc = abi === "musl" ? "musl" : abi === "gnu" ? "glibc" : undefined;
  return { cpu: [cpu], ...(libc ? { libc: [libc] } : {}), os: [os] };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const file = join(ROOT, "package-lock.json");
  const lock = JSON.parse(readFileSync(file, "utf8"));
  const missing = missingFromLock(lock.packages);
  const entries = Object.entries({ ...lock.packages, ...missing }).sort(([a], [b]) => (a < b ? -1 : 1));
  writeFileSync(file, `${JSON.stringify({ ...lock, packages: Object.fromEntries(entries) }, null, 2)}\n`);
  console.log(`${Object.keys(missing).length} packages added to package-lock.json`);
}
