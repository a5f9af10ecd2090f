// The `wgpt` command as a user runs it: a process of its own, compiled as it is published, two at a time where no other tests run beside.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { builtCommand } from "./built.ts";

export interface CliResult {
  readonly command: string;
  /** The exit code; undefined when the process had to be killed because it did not end by itself. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  /** Of the processor, user and system: unlike the time that passed, it does not depend on who else is working. */
  readonly cpuSeconds: number;
}

export interface CliOptions {
  /** What the process reads; its stdin is empty otherwise. */
  readonly input?: string;
  /** The environment without any Vulkan driver. */
  readonly noDriver?: boolean;
  /** As if the package with Dawn's binary were not installed. */
  readonly noDawn?: boolean;
  /** As if the optional package koffi were not installed. */
  readonly noKoffi?: boolean;
  readonly cwd?: string;
  /** As in a clone, with no build: by tsx. */
  readonly fromSource?: boolean;
}

/** Every command ends by itself long before: the first use of a shader on a software adapter is what takes so long. */
const LIMIT_MS = 150_000;
const SOURCE = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));
// The command's own figure comes through descriptor 3, so that neither stream is touched.
const METER = `data:text/javascript,import{writeSync}from"node:fs";process.on("exit",()=>{const{user,system}=process.cpuUsage();writeSync(3,String((user+system)/1e6))})`;
const script = (text: string): string => `data:text/javascript,${encodeURIComponent(text)}`;
/** What makes Node refuse a package. */
const without = (name: string): string =>
  script(
    `import{register}from"node:module";register(${JSON.stringify(script(`export const resolve=async(name,context,next)=>{if(name===${JSON.stringify(name)})throw new Error("it is not installed");return next(name,context)}`))})`,
  );
const NO_DRIVER = { VK_ICD_FILENAMES: "/nonexistent", VK_DRIVER_FILES: "/nonexistent" };

let atOnce = 2;
let running = 0;
const waiting: (() => void)[] = [];

/** How many run at a time from now on. */
export function limitCommands(most: number): void {
  atOnce = most;
}

/** Runs it to its end; throws only where the sources can't be compiled. Calls queue, so a file may start all of its runs when it is loaded. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  if (running >= atOnce) await new Promise<void>((resolve) => waiting.push(resolve));
  else running++;
  try {
    return await spawnCli(options.fromSource ? SOURCE : await builtCommand(), args, options);
  } finally {
    const next = waiting.shift();
    if (next) next();
    else running--;
  }
}

function spawnCli(
  main: string,
  args: readonly string[],
  { input, noDriver = false, noDawn = false, noKoffi = false, cwd, fromSource = false }: CliOptions,
): Promise<CliResult> {
  return new Promise((resolve) => {
    const modules = [
      ...(fromSource ? [import.meta.resolve("tsx")] : []),
      METER,
      ...(noDawn ? [without("webgpu")] : []),
      ...(noKoffi ? [without("koffi")] : []),
    ];
    const child = spawn(process.execPath, [...modules.flatMap((module) => ["--import", module]), main, ...args], {
      stdio: ["pipe", "pipe", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1", ...(noDriver ? NO_DRIVER : {}) },
      ...(cwd === undefined ? {} : { cwd }),
    });
    const texts = child.stdio.slice(1).map((stream) => {
      const chunks: Buffer[] = [];
      stream?.on("data", (chunk: Buffer) => chunks.push(chunk));
      return () => Buffer.concat(chunks).toString("utf8");
    });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, LIMIT_MS);
    // A command that fails before it reads closes the pipe.
    child.stdin.on("error", () => {});
    child.stdin.end(input ?? "");
    const [stdout, stderr, meter] = texts;
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      resolve({
        command: ["wgpt", ...args].join(" "),
        code: late || signal !== null ? undefined : (code ?? undefined),
        stdout: stdout?.() ?? "",
        stderr: stderr?.() ?? "",
        cpuSeconds: Number(meter?.() || Number.NaN),
      });
    });
  });
}

/** The stdout of a command that succeeded and ended by itself. */
export function output({ command, code, stdout, stderr }: CliResult): string {
  assert.is(code, 0, `${command}: ended with ${code ?? "a kill: it does not end by itself"}\n${stderr}`);
  return stdout;
}

/** Fails unless the command failed as every command has to: by itself, not with 0, one line on stderr, no stack trace. */
export function assertFails({ command, code, stdout, stderr }: CliResult, message: RegExp): void {
  assert.ok(code !== undefined, `${command}: does not end by itself\n${stderr}`);
  assert.ok(code > 0, `${command}: ended with ${code}`);
  assert.match(stderr, /^wgpt: [^\n]+\n$/, `${command}: stderr is not one line:\n${stderr}`);
  assert.match(stderr, message, `${command}: says ${stderr}`);
  assert.not.match(stderr, /looks like a bug in wgpt/, `${command}: takes it for its own fault: ${stderr}`);
  assert.is(stdout, "", `${command}: writes to stdout all the same`);
}
