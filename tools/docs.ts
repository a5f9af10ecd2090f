// Keeps the documents true. A block between `<!-- generated: COMMAND -->` and `<!-- end -->` is what COMMAND prints now; paths,
// links and commands that the documents name must exist.
//
//   npx tsx tools/docs.ts            rewrites what is stale
//   npx tsx tools/docs.ts --check    changes nothing, lists it, and fails
//
// COMMAND is `wgpt inspect …`, `wgpt compile …` or `wgpt roofline …`, which need no GPU and print the same on every machine, or a shell
// command on the project's files; all may go on after a `|`. Timings are not generated: a person measures them and names the machine.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Command } from "commander";
import { benchCommand } from "../cli/bench.ts";
import { compileCommand } from "../cli/compile.ts";
import { doctorCommand } from "../cli/doctor.ts";
import { generateCommand } from "../cli/generate.ts";
import { inspectCommand } from "../cli/inspect.ts";
import { makeCheckpointCommand } from "../cli/make-checkpoint.ts";
import { profileCommand } from "../cli/profile.ts";
import { rooflineCommand } from "../cli/roofline.ts";
import { scoreCommand } from "../cli/score.ts";
import { ROOT } from "./run-command.mjs";

const DOCUMENTS = [
  "README.md",
  "ARCHITECTURE.md",
  "CONTRIBUTING.md",
  "CHANGELOG.md",
  "bench/README.md",
  "docs/machines.md",
  "docs/predictions.md",
];
const COMMANDS: readonly Command[] = [
  generateCommand,
  scoreCommand,
  inspectCommand,
  compileCommand,
  makeCheckpointCommand,
  benchCommand,
  profileCommand,
  rooflineCommand,
  doctorCommand,
];

const BLOCK = /^<!-- generated: (.+?) -->\n([\s\S]*?)^<!-- end -->/gm;
const SOURCE_PATH =
  /`((?:base|ir|passes|codegen|runtime|engine|cli|bench|tools|test|examples|models)\/[\w./-]+\.(?:ts|mjs|hbs|md))`/g;

/** What a command prints. */
export type Runner = (command: string) => Promise<string>;

/** The document with every generated block renewed. A block keeps the language of its fence. */
export async function refresh(text: string, run: Runner): Promise<string> {
  const made = new Map<string, string>();
  for (const [, command = ""] of text.matchAll(BLOCK))
    if (!made.has(command)) made.set(command, (await run(command)).trimEnd());
  return text.replaceAll(BLOCK, (_, command: string, old: string) => {
    const language = /^```(\w*)/.exec(old)?.[1] || "text";
    const prompt = command.startsWith("wgpt ") ? `${language === "text" ? "" : "// "}$ ${command}\n` : "";
    return `<!-- generated: ${command} -->\n\`\`\`${language}\n${prompt}${made.get(command)}\n\`\`\`\n<!-- end -->`;
  });
}

/** What is wrong in a document beside its generated blocks, a line each. Links are relative to the document's `folder`. */
export function findProblems(text: string, exists: (path: string) => boolean, folder = "."): string[] {
  const problems: string[] = [];
  const opened = text.match(/^<!-- generated: /gm)?.length ?? 0;
  const closed = [...text.matchAll(BLOCK)].length;
  if (opened !== closed) problems.push(`${opened} generated blocks begin, but ${closed} end with <!-- end -->`);
  for (const [, target = ""] of text.matchAll(/\]\(([^)#]+)[^)]*\)/g))
    if (!/^https?:/.test(target) && !exists(join(folder, target)))
      problems.push(`links to ${target}, which does not exist`);
  for (const [, path = ""] of text.matchAll(SOURCE_PATH))
    if (!exists(path)) problems.push(`names ${path}, which does not exist`);
  for (const [, line = ""] of text.matchAll(/^(?:\/\/ )?\$ wgpt (.+)$/gm)) problems.push(...commandProblems(line));
  return problems;
}

/** Subcommand and flags of a `wgpt` line, held against the command line's own. */
function commandProblems(line: string): string[] {
  const [name = "", ...words] = line.replace(/ [|>].*$/, "").split(" ");
  const command = COMMANDS.find((c) => c.name() === name);
  if (!command) return [`runs wgpt ${name}, which is no command`];
  const known = new Set(command.options.map((o) => o.long));
  const flags = words.filter((w) => w.startsWith("--")).map((w) => w.replace(/=.*/, ""));
  return flags.filter((f) => !known.has(f)).map((f) => `runs wgpt ${name} with ${f}, which it does not have`);
}

/** Runs a block's command: `wgpt` in this process, because starting one for each block would take most of the time. */
const runCommand: Runner = async (line) => {
  const [first = "", ...rest] = line.split(" | ");
  if (!first.startsWith("wgpt ")) return shell(line, "");
  const [, name, ...args] = first.split(" ");
  const command = [inspectCommand, compileCommand, rooflineCommand].find((c) => c.name() === name);
  if (!command) throw new Error(`${first}: only inspect, compile and roofline print the same everywhere`);
  // What is compiled is written to a folder that nobody keeps, beside the examples.
  const folder = command === compileCommand ? mkdtempSync(join(tmpdir(), "wgpt-docs-")) : ROOT;
  if (folder !== ROOT) symlinkSync(join(ROOT, "examples"), join(folder, "examples"), "dir");
  process.chdir(folder);
  const printed = await captureStdout(() => command.parseAsync(args, { from: "user" }));
  process.chdir(ROOT);
  if (folder !== ROOT) rmSync(folder, { recursive: true });
  return rest.length === 0 ? printed : shell(rest.join(" | "), printed);
};

function shell(command: string, input: string): string {
  const { stdout, stderr, status } = spawnSync("sh", ["-c", command], { cwd: ROOT, input, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command}: ${stderr || `exit code ${status}`}`);
  return stdout;
}

async function captureStdout(body: () => Promise<unknown>): Promise<string> {
  const { write } = process.stdout;
  let printed = "";
  process.stdout.write = (text: string | Uint8Array) => {
    printed += text;
    return true;
  };
  try {
    await body();
  } finally {
    process.stdout.write = write;
  }
  return printed;
}

async function main(check: boolean): Promise<void> {
  for (const name of DOCUMENTS) {
    const old = readFileSync(join(ROOT, name), "utf8");
    const fresh = await refresh(old, runCommand);
    const problems = findProblems(fresh, (path) => existsSync(join(ROOT, path)), dirname(name));
    if (fresh !== old && check) problems.push("a generated block is stale (run: npx tsx tools/docs.ts)");
    else if (fresh !== old) writeFileSync(join(ROOT, name), fresh);
    for (const problem of problems) console.error(`${name}: ${problem}`);
    if (problems.length > 0) process.exitCode = 1;
    else console.log(`${name}: ${fresh === old ? "up to date" : "renewed"}`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await main(process.argv.includes("--check"));
