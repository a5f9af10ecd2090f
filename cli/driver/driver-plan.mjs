// What it takes to get a Vulkan driver that Dawn accepts, decided from facts and done by driver.mjs. Pure.
import { backportsFile, offersSuite } from "./apt-sources.mjs";

/**
 * @typedef {object} Machine
 * @property {string} platform as in process.platform
 * @property {Readonly<Record<string, string>>} osRelease
 * @property {readonly import("./apt-sources.mjs").AptSource[] | undefined} aptSources undefined where there is no apt-get
 */

/** @typedef {{ readonly write: string, readonly text: string } | { readonly run: readonly [string, ...string[]] }} Step */

/**
 * Steps that root can take, or, where we know none, what a person can do.
 * @typedef {{ readonly kind: "steps", readonly steps: readonly Step[] } | { readonly kind: "advice", readonly advice: string }} DriverPlan
 */

/** Debian 12's own Mesa, 22.3, gives a Vulkan that Dawn turns down; backports has Mesa 25. */
const TOO_OLD = "bookworm";
const PACKAGE = "mesa-vulkan-drivers";

const PACKAGE_ELSEWHERE = /** @type {const} */ ([
  ["fedora", `dnf install ${PACKAGE}`],
  ["rhel", `dnf install ${PACKAGE}`],
  ["arch", "pacman -S vulkan-swrast"],
  ["alpine", "apk add mesa-vulkan-swrast vulkan-loader"],
  ["suse", "zypper install Mesa-vulkan-drivers libvulkan1"],
]);

/**
 * @param {Machine} machine
 * @returns {DriverPlan}
 */
export function planDriver({ platform, osRelease, aptSources }) {
  if (platform === "darwin") return advice("Metal comes with macOS: update it, or allow the virtual machine a GPU");
  if (platform === "win32") return advice("install the graphics card's own driver, for Direct3D 12 or Vulkan");
  if (platform !== "linux") return advice(`${platform} is not a system that npm webgpu is built for`);

  if (aptSources === undefined) {
    const family = [osRelease["ID"] ?? "", ...(osRelease["ID_LIKE"] ?? "").split(/\s+/)];
    const known = PACKAGE_ELSEWHERE.find(([name]) => family.some((word) => word.startsWith(name)));
    const others =
      "Mesa's Vulkan drivers (Fedora: mesa-vulkan-drivers, Arch: vulkan-swrast, Alpine: mesa-vulkan-swrast)";
    return advice(known ? `as root: ${known[1]}` : `install ${others}`);
  }

  if (osRelease["VERSION_CODENAME"] !== TOO_OLD) return { kind: "steps", steps: [update(), install()] };

  const backports = `${TOO_OLD}-backports`;
  const steps = [update(), install("-t", backports)];
  if (offersSuite(aptSources, backports)) return { kind: "steps", steps };
  const text = backportsFile(aptSources, TOO_OLD);
  if (text === undefined)
    return advice(`add the suite ${backports} to apt's sources, then: apt-get install -t ${backports} ${PACKAGE}`);
  return { kind: "steps", steps: [{ write: "/etc/apt/sources.list.d/wgpt-backports.sources", text }, ...steps] };
}

/**
 * The same steps as lines for a person's shell.
 * @param {readonly Step[]} steps
 */
export function printSteps(steps) {
  return steps
    .map((step) =>
      "run" in step
        ? `sudo ${step.run.join(" ")}`
        : `sudo tee ${step.write} >/dev/null <<'END'\n${step.text.trimEnd()}\nEND`,
    )
    .join("\n");
}

/**
 * `ID=debian`, `VERSION_CODENAME="bookworm"`, … from /etc/os-release.
 * @param {string} text
 */
export function parseOsRelease(text) {
  /** @type {Record<string, string>} */
  const values = {};
  for (const [, name = "", value = ""] of text.matchAll(/^([A-Z_]+)=(.*)$/gm))
    values[name] = value.trim().replace(/^(["'])(.*)\1$/, "$2");
  return values;
}

/**
 * @param {string} text
 * @returns {DriverPlan}
 */
function advice(text) {
  return { kind: "advice", advice: text };
}

/** @returns {Step} */
function update() {
  return { run: ["apt-get", "update"] };
}

/**
 * @param {readonly string[]} from
 * @returns {Step}
 */
function install(...from) {
  return { run: ["apt-get", "install", "-y", "--no-install-recommends", ...from, PACKAGE] };
}
