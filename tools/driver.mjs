// Sees to it that Dawn finds a GPU, or a software one: probes, installs Mesa's drivers where it may, or says what to
// run. What is to be installed is decided in cli/driver/driver-plan.mjs.
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { planDriver, printSteps } from "../cli/driver/driver-plan.mjs";
import { readMachine } from "../cli/driver/machine.mjs";
import { capture, lastLines, ROOT, say } from "./run-command.mjs";

const STAMP = join(ROOT, "node_modules", ".cache", "wgpt", "adapter.txt");
const PROBE_SECONDS = 30;

// In a process of its own, because a broken driver crashes or hangs, and because lavapipe makes Dawn chatty on stderr.
const PROBE = `
  const { create } = await import(process.argv[1]);
  const gpu = create([]);
  const adapter = await gpu.requestAdapter();
  if (adapter === null) throw new Error("Dawn found no adapter");
  (await adapter.requestDevice()).destroy();
  process.stdout.write("adapter: " + (adapter.info.description || adapter.info.device || adapter.info.vendor));
`;

/**
 * Makes an adapter available if that can be done here. False, with the way out printed, if not.
 * @returns {Promise<boolean>}
 */
export async function ensureDriver() {
  if (isStamped()) return true;
  const before = await probe();
  if (before.found) return stamp(before.seen);

  const plan = planDriver(readMachine());
  if (plan.kind === "advice") {
    say(`no GPU that WebGPU can use: ${before.seen}\nhint: ${plan.advice}`);
    return false;
  }
  if (process.getuid?.() !== 0) {
    say(`no GPU that WebGPU can use: ${before.seen}\nhint: run these lines, then this command again\n`);
    console.error(printSteps(plan.steps));
    return false;
  }
  say(`no GPU that WebGPU can use: ${before.seen}; installing Mesa's Vulkan drivers, once`);
  const failures = await take(plan.steps);
  const after = await probe();
  if (after.found) return stamp(after.seen);
  say(`still no GPU that WebGPU can use: ${after.seen}\nhint: \`vulkaninfo --summary\` shows which drivers load`);
  for (const failure of failures) console.error(failure);
  return false;
}

/**
 * Takes the steps as root. A failing one does not end it: `apt-get update` fails for any one source among many, and
 * whether the driver works is what the second probe tells.
 * @param {readonly import("../cli/driver/driver-plan.mjs").Step[]} steps
 */
async function take(steps) {
  const failures = [];
  for (const step of steps) {
    if ("write" in step) {
      say(`writing ${step.write}`);
      writeFileSync(step.write, step.text);
      continue;
    }
    say(`${step.run.join(" ")} …`);
    const patience = ["-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::http::Timeout=20", "-o", "Acquire::Retries=1"];
    const { ok, output, ended } = await capture([...step.run, ...patience], {
      env: { DEBIAN_FRONTEND: "noninteractive" },
    });
    if (!ok) failures.push(`${step.run.join(" ")} failed (${ended}):\n${lastLines(output, 15)}`);
  }
  return failures;
}

/** @returns {Promise<{ found: boolean, seen: string }>} */
async function probe() {
  const webgpu = import.meta.resolve("webgpu");
  const { ok, stdout, output, ended } = await capture([process.execPath, "--input-type=module", "-e", PROBE, webgpu], {
    seconds: PROBE_SECONDS,
  });
  const adapter = /adapter: (.*)/.exec(stdout)?.[1];
  if (ok && adapter !== undefined) return { found: true, seen: adapter };
  const reason = output.split("\n").find((line) => /Error: |cannot open|not found/.test(line));
  return { found: false, seen: reason?.trim().replace(/^Error: /, "") ?? `the probe ended with ${ended}` };
}

// A probe costs half a second, so a good one is remembered until Dawn or a driver changes.

function isStamped() {
  return existsSync(STAMP) && readFileSync(STAMP, "utf8").startsWith(`${stampKey()}\n`);
}

/** @param {string} adapter */
function stamp(adapter) {
  try {
    mkdirSync(dirname(STAMP), { recursive: true });
    writeFileSync(STAMP, `${stampKey()}\n${adapter}\n`);
  } catch {
    // In a folder that we may only read, every start probes anew.
  }
  return true;
}

/** Everything that decides which adapter Dawn finds, as far as a file listing shows it. */
function stampKey() {
  const manifest = JSON.parse(readFileSync(join(ROOT, "node_modules", "webgpu", "package.json"), "utf8"));
  const folders = ["/usr/share", "/usr/local/share", "/etc", join(homedir(), ".local/share")];
  const drivers = folders
    .map((folder) => join(folder, "vulkan", "icd.d"))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder)
        .sort()
        .map((name) => join(folder, name)),
    )
    .map((file) => `${file} ${statSync(file).mtimeMs}`);
  const chosen = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"].map((name) => `${name}=${process.env[name] ?? ""}`);
  return [`webgpu ${manifest.version}`, process.version, ...drivers, ...chosen].join("; ");
}
