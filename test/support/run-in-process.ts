// A command of `wgpt` inside the test's process: without the seconds that a process of its own takes to start, and with its
// error as the object that it is. One at a time; stdin is never read.
import type { Command } from "commander";
import { benchCommand } from "../../cli/bench.ts";
import { compileCommand } from "../../cli/compile.ts";
import { generateCommand } from "../../cli/generate.ts";
import { inspectCommand } from "../../cli/inspect.ts";
import { profileCommand } from "../../cli/profile.ts";
import { rooflineCommand } from "../../cli/roofline.ts";
import { scoreCommand } from "../../cli/score.ts";

const COMMANDS: readonly Command[] = [
  benchCommand,
  compileCommand,
  generateCommand,
  inspectCommand,
  profileCommand,
  rooflineCommand,
  scoreCommand,
];

export interface InProcessResult {
  readonly stdout: string;
  readonly stderr: string;
  /** What the command threw; undefined when it succeeded. */
  readonly error: unknown;
}

/** Runs `wgpt name …rest`. */
export async function runInProcess([name, ...rest]: readonly string[]): Promise<InProcessResult> {
  const command = COMMANDS.find((c) => c.name() === name);
  if (!command) throw new Error(`no command ${name}`);
  const [out, err] = [capture(process.stdout), capture(process.stderr)];
  // A command without a text would wait for one.
  const { isTTY } = process.stdin;
  process.stdin.isTTY = true;
  let error: unknown;
  try {
    await command.parseAsync(rest, { from: "user" });
  } catch (thrown) {
    error = thrown;
  } finally {
    out.restore();
    err.restore();
    process.stdin.isTTY = isTTY;
  }
  return { stdout: out.text(), stderr: err.text(), error };
}

function capture(stream: NodeJS.WriteStream) {
  const parts: string[] = [];
  const { write } = stream;
  stream.write = (chunk: string | Uint8Array) => {
    parts.push(typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("utf8"));
    return true;
  };
  return {
    text: () => parts.join(""),
    restore: () => {
      stream.write = write;
    },
  };
}
