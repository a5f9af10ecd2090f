// Starting other programs, for the tools beside this file. Node only: no package may be installed yet.
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";

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
 * @param {{ onMessage?: (message: unknown) => void, onSignal?: (signal: string) => void }} [hear]
 * @returns {Promise<number>}
 */
export function runSource(file, args, { onMessage, onSignal } = {}) {
  // By URL, because `--import tsx` alone is looked up from wherever the user stands.
  const tsx = import.meta.resolve("tsx");
  return new Promise((resolve) => {
    const stdio = /** @type {const} */ (["inherit", "inherit", "inherit", "ipc"]);
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
      {
        stdio: onMessage ? [...stdio] : "inherit",
      },
    );
    if (onMessage) child.on("message", onMessage);
    // The child gets the terminal's Ctrl-C as well; waiting for it lets it clean up.
    process.on("SIGINT", () => {});
    child.on("close", (code, signal) => {
      if (signal !== null) onSignal?.(signal);
      resolve(code ?? 128 + (signal ? constants.signals[signal] : 0));
    });
  });
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
