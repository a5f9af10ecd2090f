// Starting other programs, for the tools beside this file. Node only: no package may be installed yet.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";

// Without somebody who listens, work that is done would fail for what it had to say.
process.stderr.on("error", () => {});

/** The project's folder. */
export const ROOT = fileURLToPath(new URL("..", import.meta.url));

/**
 * @typedef {object} Outcome
 * @property {boolean} ok it ran, and exited with 0
 * @property {string} stdout
 * @property {string} output both streams, as they came
 * @property {string} ended how it ended, for a message: "exit code 1", "SIGSEGV", "no answer in 20 s"
 */

/**
 * Runs a program to its end and keeps what it printed.
 * @param {readonly [string, ...string[]]} command
 * @param {{ seconds?: number, env?: Record<string, string>, cwd?: string }} [options]
 * @returns {Promise<Outcome>}
 */
export function capture([program, ...args], { seconds = 600, env = {}, cwd = ROOT } = {}) {
  return new Promise((resolve) => {
    let stdout = "";
    let output = "";
    let late = false;
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, seconds * 1000);
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text;
      output += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
    child.on("error", (error) => {
      clearTimeout(timer);
      resolve({ ok: false, stdout, output, ended: error.message });
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      const ended = late ? `no answer in ${seconds} s` : (signal ?? `exit code ${code}`);
      resolve({ ok: code === 0, stdout, output, ended });
    });
  });
}

/**
 * Runs one of our TypeScript files from source, on this terminal. Gives the exit code, 128 + n for signal n.
 * @param {string} file
 * @param {readonly string[]} args
 * @param {(signal: string) => void} [onSignal] hears of the signal that ended it
 * @returns {Promise<number>}
 */
export function runSource(file, args, onSignal) {
  // By URL, because `--import tsx` alone is looked up from wherever the user stands.
  const tsx = import.meta.resolve("tsx");
  return new Promise((resolve) => {
    const child = spawn(
      process.execPath,
      // The command's own flags, as its first line has them.
      [
        ...(file.startsWith("cli/") ? ["--max-semi-space-size=4"] : []),
        "--import",
        tsx,
        fileURLToPath(new URL(`../${file}`, import.meta.url)),
        ...args,
      ],
      { stdio: "inherit" },
    );
    const stop = passSignals(child);
    child.on("close", (code, signal) => {
      stop();
      if (signal !== null) onSignal?.(signal);
      resolve(code ?? 128 + (signal ? constants.signals[signal] : 0));
    });
  });
}

/** What ends a program from outside. */
const SIGNALS = /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]);

/**
 * Hands the signals that would end this process to its child, and waits for that: it may have something to clean up, and must
 * not go on alone. At a terminal's Ctrl-C the child hears of it twice, from the terminal and from here. npm and the shell
 * between it and its script end without handing SIGTERM or SIGHUP on: under npm, their end counts as a SIGHUP.
 * @param {import("node:child_process").ChildProcess} child
 * @returns {() => void} ends it
 */
function passSignals(child) {
  const listeners = SIGNALS.map((signal) => /** @type {const} */ ([signal, () => child.kill(signal)]));
  for (const [signal, listener] of listeners) process.on(signal, listener);
  const above = ancestors();
  const orphaned = () => ancestors() !== above && child.kill("SIGHUP");
  const timer = process.env["npm_command"] === undefined ? undefined : setInterval(orphaned, 500).unref();
  return () => {
    clearInterval(timer);
    for (const [signal, listener] of listeners) process.off(signal, listener);
  };
}

/** The process that started this one, and on Linux, where a shell stands between npm and its script, who started that. */
function ancestors() {
  try {
    return `${process.ppid} ${/^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${process.ppid}/status`, "utf8"))?.[1]}`;
  } catch {
    return String(process.ppid);
  }
}

/**
 * One line on stderr, where a program's own output is not disturbed.
 * @param {string} text
 */
export function say(text) {
  process.stderr.write(`wgpt: ${text}\n`);
}

/**
 * The last lines of a long output, which is where a failure tells its reason.
 * @param {string} text
 * @param {number} count
 */
export function lastLines(text, count) {
  return text.trimEnd().split("\n").slice(-count).join("\n");
}
