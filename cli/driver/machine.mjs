// The facts about this machine that decide how it gets a Vulkan driver.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { parseAptSources } from "./apt-sources.mjs";
import { parseOsRelease } from "./driver-plan.mjs";

export function readMachine() {
  const osRelease = existsSync("/etc/os-release") ? parseOsRelease(readFileSync("/etc/os-release", "utf8")) : {};
  const apt = (process.env["PATH"] ?? "").split(delimiter).some((folder) => existsSync(join(folder, "apt-get")));
  return { platform: process.platform, osRelease, aptSources: apt ? readAptSources("/etc/apt") : undefined };
}

/** @param {string} apt */
function readAptSources(apt) {
  const parts = join(apt, "sources.list.d");
  const files = existsSync(parts) ? readdirSync(parts).map((name) => join(parts, name)) : [];
  return [join(apt, "sources.list"), ...files]
    .filter((file) => existsSync(file))
    .flatMap((file) => parseAptSources(file, readFileSync(file, "utf8")));
}
