// CONTRIBUTING.md followed to the letter: its op, pass, kernel and family are added to a copy of the sources by the blocks that stand
// there, and the tests that it promises for free are run.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { capture, ROOT } from "../../tools/run-command.mjs";
import { adapter } from "../support/gpu.ts";
import { skipUnless } from "../support/skip.ts";

const test = suite("CONTRIBUTING");
const gpuTest = skipUnless(test, adapter, "no Vulkan adapter");

const SOURCES = ["base", "ir", "passes", "codegen", "runtime", "engine", "cli", "tools", "test", "examples", "models"];
const root = mkdtempSync(join(tmpdir(), "wgpt-contributing-"));
test.after(() => rmSync(root, { recursive: true, force: true }));

const BLOCK = /^```(ts|hbs|diff)\n([\s\S]*?)^```$/gm;
const FILE = /^\/\/ ((?:ir|passes|codegen|test)\/\S+)\n/;

/** Adds the lines with `+` behind the line before them, and takes those with `-` away; each is looked for behind the last. */
function applyDiff(block: string): string {
  const [head = "", ...lines] = block.trimEnd().split("\n");
  const path = head.replace(/^--- /, "");
  const text = readFileSync(join(root, path), "utf8").split("\n");
  let at = -1;
  for (const line of lines) {
    const [sign, content] = [line[0], line.slice(1)];
    if (sign === "+") {
      text.splice(++at, 0, content);
      continue;
    }
    const found = text.indexOf(content, at + 1);
    assert.ok(found >= 0, `${path} has no line ${JSON.stringify(content)} behind line ${at + 1}`);
    at = found;
    if (sign === "-") text.splice(at--, 1);
  }
  writeFileSync(join(root, path), text.join("\n"));
  return path;
}

/** Runs in the copy; what it printed. */
async function run(...args: readonly [string, ...string[]]): Promise<string> {
  const { ok, stdout, output } = await capture([process.execPath, ...args], { cwd: root });
  assert.ok(ok, `${args.join(" ")}\n${output}`);
  return stdout;
}
const tsx = (...args: readonly string[]) => run("--import", import.meta.resolve("tsx"), ...args);

test("what it adds type-checks, and keeps the formatter's and the linter's rules", async () => {
  for (const name of [...SOURCES, "package.json", "tsconfig.json", "biome.json"])
    cpSync(join(ROOT, name), join(root, name), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(root, "node_modules"), "junction");
  const changed: string[] = [];
  const page = readFileSync(join(ROOT, "CONTRIBUTING.md"), "utf8");
  for (const [, language, text = ""] of page.matchAll(BLOCK)) {
    const path = FILE.exec(text)?.[1];
    if (language === "diff") changed.push(applyDiff(text));
    else if (path !== undefined) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text.replace(FILE, ""));
      changed.push(path);
    }
  }
  assert.ok(changed.length >= 13, changed.join(" "));
  await tsx("tools/templates.ts");
  const { compilerOptions } = JSON.parse(
    readFileSync(join(root, "tsconfig.json"), "utf8").replaceAll(/^\s*\/\/.*$/gm, ""),
  );
  const include = ["base", "ir", "passes", "codegen", "runtime", "engine", "cli"].map((folder) => `${folder}/**/*`);
  writeFileSync(join(root, "tsconfig.json"), JSON.stringify({ compilerOptions, include }));
  // In a fifth of the time that the compiler takes which builds the package, and which `npm run check` asks.
  await run("node_modules/typescript-7/bin/tsc", "--noEmit", "-p", ".");
  const code = changed.filter((path) => path.endsWith(".ts"));
  await run("node_modules/@biomejs/biome/bin/biome", "ci", "--vcs-enabled=false", "--colors=off", ...new Set(code));
});

gpuTest("the tests that it promises hold every part, and the family generates by its name", async () => {
  const tests = await tsx("test/run.ts", "--jobs", "1", "ir/ops.test", "codegen/kernels.test", "passes/fuse-hardswish");
  assert.match(tests, / 0 failed/);
  assert.match(tests, /\d+ passed/);
  const checkpoint = join(root, "checkpoint");
  await tsx("cli/main.ts", "make-checkpoint", "bigram-tiny", "--seed", "1", "--out", checkpoint);
  const generate = [
    "generate",
    "--model",
    checkpoint,
    "--tokens",
    "3,1",
    "--max-new-tokens",
    "4",
    "--temperature",
    "0",
  ];
  assert.match(await tsx("cli/main.ts", ...generate), /^(\d+ ){3}\d+\n$/);
});

test.run();
