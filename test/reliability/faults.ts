// What a command leaves behind when it is ended in the middle, when there is no room, and when its streams are closed.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
export type Signal = (typeof SIGNALS)[number];

/** A command of the project's that is ended in the middle. `{out}` in its arguments is the folder that is watched. */
export interface Command {
  readonly name: string;
  /** A source file, from the project's folder. */
  readonly file: string;
  readonly args: readonly string[];
  /** What it writes goes to the folder of temporary files: the watched folder is that one. */
  readonly temporary?: boolean;
  /** How many bytes it writes to the watched folder; none where it only prints. */
  readonly bytes?: number;
}

/** How far a command is when it is ended: at its first file or after that share of its bytes; else so many ms after its start. */
export type Moment = { readonly share: number } | { readonly ms: number };

export interface Ending {
  /** `SIGTERM`, or `exit code 1`. */
  readonly ended: string;
  /** What is in the watched folder that was not there before. */
  readonly left: readonly string[];
  /** Whether everything that was there before is as it was. */
  readonly kept: boolean;
  readonly stderr: string;
  /** Ended by itself before the moment came. */
  readonly early: boolean;
}

/** Every file below, and folders that hold nothing, with a `/` behind. */
export const list = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((e) => ({ path: join(e.parentPath, e.name), isFolder: e.isDirectory() }))
    .filter(({ path, isFolder }) => !isFolder || readdirSync(path).length === 0)
    .map(({ path, isFolder }) => `${relative(folder, path)}${isFolder ? "/" : ""}`)
    .filter((name) => !OF_TOOLS.test(name))
    .sort();

/** tsx and Node keep what they compiled in the folder of temporary files. */
const OF_TOOLS = /^(tsx-|node-compile-cache)/;

function sizeOf(folder: string): number {
  let bytes = 0;
  // What is listed may be gone by now.
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }))
    bytes += statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0;
  return bytes;
}

const textsOf = (folder: string): ReadonlyMap<string, string> =>
  new Map(list(folder).map((name) => [name, name.endsWith("/") ? "" : readFileSync(join(folder, name), "latin1")]));

interface Streams {
  readonly stdout?: number | "pipe" | "ignore";
  /** Who runs it, by number. */
  readonly user?: number;
}

/** Starts the command on a folder to watch. */
export function start(command: Command, out: string, { stdout = "ignore", user }: Streams = {}): ChildProcess {
  const args = command.args.map((arg) => arg.replaceAll("{out}", out));
  return spawn(process.execPath, ["--import", import.meta.resolve("tsx"), join(ROOT, command.file), ...args], {
    cwd: ROOT,
    env: {
      ...process.env,
      NO_COLOR: "1",
      TSX_TSCONFIG_PATH: join(ROOT, "tsconfig.json"),
      ...(command.temporary && { TMPDIR: out }),
    },
    stdio: ["ignore", stdout, "pipe"],
    ...(user !== undefined && { uid: user, gid: user }),
  });
}

/** How a process ended, and what it said. */
export function ending(child: ChildProcess): Promise<{ readonly ended: string; readonly stderr: string }> {
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  return new Promise((resolve) =>
    child.on("close", (code, signal) => resolve({ ended: signal ?? `exit code ${code}`, stderr: said })),
  );
}

/** Runs the command on `out`, which may hold something, and ends it at the moment. */
export async function endAt(
  command: Command,
  out: string,
  moment: Moment,
  signal: Signal | "SIGKILL",
): Promise<Ending> {
  const before = textsOf(out);
  const atFirst = sizeOf(out);
  const child = start(command, out);
  const end = ending(child);
  const isThere = (): boolean => {
    if ("ms" in moment) return false;
    const names = list(out).filter((name) => !before.has(name));
    return names.length > 0 && sizeOf(out) - atFirst >= moment.share * (command.bytes ?? 0);
  };
  if ("ms" in moment) await Promise.race([setTimeout(moment.ms), end]);
  else while (!isThere() && child.exitCode === null) await setTimeout(2);
  const early = child.exitCode !== null;
  child.kill(signal);
  const { ended, stderr } = await end;
  const after = textsOf(out);
  return {
    ended,
    stderr,
    early,
    left: [...after.keys()].filter((name) => !before.has(name)),
    kept: [...before].every(([name, text]) => after.get(name) === text),
  };
}

/** Runs `body` with a new folder, and removes it. */
export async function inNewFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "wgpt-faults-"));
  try {
    return await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs `body` with a folder that a file system is mounted on, of `options` for mount's `-o`. */
export function onMount<T>(options: string, body: (folder: string) => Promise<T>): Promise<T> {
  return inNewFolder(async (root) => {
    const folder = join(root, "volume");
    mkdirSync(folder);
    if (spawnSync("mount", ["-t", "tmpfs", "-o", options, "none", folder]).status !== 0)
      throw new Error("only root on Linux may mount");
    try {
      return await body(folder);
    } finally {
      spawnSync("umount", ["-l", folder]);
    }
  });
}

/** Whether this process may mount. */
export const canMount = (): boolean =>
  process.platform === "linux" && process.getuid?.() === 0 && existsSync("/dev/full") && mounts();

function mounts(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "wgpt-mount-"));
  const mounted = spawnSync("mount", ["-t", "tmpfs", "none", folder]).status === 0;
  if (mounted) spawnSync("umount", [folder]);
  rmSync(folder, { recursive: true });
  return mounted;
}

/** Runs the command to its end. */
export async function runOn(command: Command, out: string, streams: Streams = {}) {
  const child = start(command, out, streams);
  return ending(child);
}

export const openFull = (): number => openSync("/dev/full", "w");
