#!/usr/bin/env -S node --max-semi-space-size=4
// The `wgpt` command: thin, one file per subcommand, over the compiler and the runtime. V8 lets the memory of young objects
// grow to 48 MiB while a large graph is compiled, and keeps it; with less, the process takes 50 MiB less beside a large model.
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { benchCommand } from "./bench.ts";
import { compileCommand } from "./compile.ts";
import { doctorCommand } from "./doctor.ts";
import { reportError } from "./errors.ts";
import { generateCommand } from "./generate.ts";
import { inspectCommand } from "./inspect.ts";
import { makeCheckpointCommand } from "./make-checkpoint.ts";
import { profileCommand } from "./profile.ts";
import { rooflineCommand } from "./roofline.ts";
import { scoreCommand } from "./score.ts";
import { watchStreams } from "./terminal.ts";

const program = new Command("wgpt")
  .description("A compiler from GPT-2's graph to WebGPU kernels, and the runtime that runs them on Node.")
  .version(version())
  .option("--debug", "show a stack trace when something fails")
  .showHelpAfterError(false)
  // It would end the process before stdout has taken a help.
  .exitOverride()
  .configureOutput({
    outputError: (text, write) =>
      write(
        `wgpt: ${text
          .trim()
          .replace(/^error: /, "")
          .replaceAll(/\s*\n\s*/g, " ")} (see --help)\n`,
      ),
  });

for (const command of [
  generateCommand,
  scoreCommand,
  inspectCommand,
  compileCommand,
  makeCheckpointCommand,
  benchCommand,
  profileCommand,
  rooflineCommand,
  doctorCommand,
]) {
  program.addCommand(
    command.copyInheritedSettings(program).option("--debug", "show a stack trace when something fails"),
  );
}

function version(): string {
  for (const up of ["../package.json", "../../package.json"]) {
    try {
      return String(JSON.parse(readFileSync(new URL(up, import.meta.url), "utf8")).version);
    } catch {}
  }
  return "unknown";
}

const report = (error: unknown): void => reportError(error, process.argv.includes("--debug"));
watchStreams();
// What nobody waits for can fail too: a timer that a plugin has set.
process.on("uncaughtException", (error) => {
  report(error);
  process.exit(1);
});

try {
  await program.parseAsync();
} catch (error) {
  // What it has to say, a help or a mistake in an option, it has printed.
  if (!(error instanceof CommanderError)) report(error);
  process.exitCode = error instanceof CommanderError ? error.exitCode : 1;
}
