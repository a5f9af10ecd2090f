// What a command does where what it prints is not taken, and where a name from a file would reach the terminal raw.
import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { printError } from "../../cli/errors.ts";
import { shownText } from "../../cli/terminal.ts";
import { fileError } from "../../runtime/index.ts";
import { builtCommand } from "../support/built.ts";
import { adapter } from "../support/gpu.ts";
import { inFolder, rawSafetensors } from "../support/make-safetensors.ts";
import { runCli } from "../support/run-cli.ts";
import { skipUnless } from "../support/skip.ts";

const test = suite("streams");

const MAIN = await builtCommand();

const start = (args: readonly string[], stdio: StdioOptions): ChildProcess =>
  spawn(process.execPath, [MAIN, ...args], {
    stdio,
    env: { ...process.env, NO_COLOR: "1" },
  });

/** How it ended, and what it said on stderr. */
function ending(command: ChildProcess): Promise<{ readonly code: number | null; readonly stderr: string }> {
  let stderr = "";
  command.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((resolve) => command.on("close", (code) => resolve({ code, stderr })));
}

const fullTest = skipUnless(test, existsSync("/dev/full"), "this system has no /dev/full");

for (const args of [
  ["--help"],
  ["--version"],
  ["generate", "--help"],
  ["inspect", "gpt2"],
  ["inspect", "gpt2", "--json"],
  ["doctor"],
  ["compile", "gpt2", "--out"],
])
  fullTest(`wgpt ${args.join(" ")} says that stdout is full`, () =>
    inFolder({}, async (folder) => {
      const full = openSync("/dev/full", "w");
      const command = args.at(-1) === "--out" ? [...args, join(folder, "bundle")] : args;
      const { code, stderr } = await ending(start(command, ["ignore", full, "pipe"])).finally(() => closeSync(full));
      const said = stderr.replace(/^\[.* s\]\n/, "");
      assert.is(said, "wgpt: stdout: can't be written: no space left on device (make room, or write elsewhere)\n");
      assert.is(code, 1);
      // What was made before it was told of is whole, and nothing else is there.
      assert.equal(readdirSync(folder), args[0] === "compile" ? ["bundle"] : []);
    }),
  );

skipUnless(
  test,
  adapter && existsSync("/dev/full"),
  "no Vulkan adapter, or no /dev/full",
)("wgpt generate says that stdout is full, with its first token", async () => {
  const full = openSync("/dev/full", "w");
  const { code, stderr } = await ending(start(["generate", "ROMEO:"], ["ignore", full, "pipe"]));
  closeSync(full);
  assert.is(stderr, "wgpt: stdout: can't be written: no space left on device (make room, or write elsewhere)\n");
  assert.is(code, 1);
});

test("a reader that has closed stdout is no error", async () => {
  const command = start(["inspect", "gpt2", "--stage", "wgsl"], ["ignore", "pipe", "pipe"]);
  command.stdout?.destroy();
  assert.equal(await ending(command), { code: 0, stderr: "" });
});

test("work that is done stays done where nobody reads stderr", () =>
  inFolder({}, async (folder) => {
    const command = start(["compile", "gpt2", "--out", join(folder, "b")], ["ignore", "pipe", "pipe"]);
    command.stderr?.destroy();
    command.stdout?.resume();
    const code = await new Promise((resolve) => command.on("close", resolve));
    assert.is(code, 0);
    assert.ok(existsSync(join(folder, "b", "plan.json")));
    const failing = start(["inspect", "gpt9"], ["ignore", "pipe", "pipe"]);
    failing.stderr?.destroy();
    failing.stdout?.resume();
    assert.is(await new Promise((resolve) => failing.on("close", resolve)), 1);
  }));

const ESCAPE = "\u001b]0;owned\u0007\u009b31m\u202e";
const WRITTEN_OUT = /\\u001b\]0;owned\\u0007\\u009b31m\\u202e/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what it looks for
const RAW = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/;

test("a name from a file reaches the terminal written out", () =>
  inFolder(
    { "w.safetensors": rawSafetensors({ [`w${ESCAPE}`]: { dtype: "F32", shape: [2], data_offsets: [0, 9] } }, 9) },
    async (folder) => {
      const graph = fileURLToPath(new URL("../../examples/mlp.graph", import.meta.url));
      const [weights, out] = [join(folder, "w.safetensors"), join(folder, "b")];
      const options = ["--max", "T=8", "--weights", weights, "--pack-weights", "--out", out];
      const { stderr, code } = await runCli(["compile", graph, ...options]);
      assert.is(code, 1, stderr);
      assert.not.match(stderr.trimEnd(), RAW);
      assert.match(stderr, WRITTEN_OUT);
    },
  ));

test("errors write control characters and marks of direction out, on one line", () => {
  for (const text of [
    printError(fileError(ESCAPE, `holds ${ESCAPE}`, `give\nanother ${ESCAPE}`)),
    printError(new Error(ESCAPE)),
    fileError(ESCAPE, ESCAPE, ESCAPE).message.replace("\n", " "),
  ]) {
    assert.not.match(text, RAW);
    assert.match(text, WRITTEN_OUT);
  }
});

test("a model's text goes through a pipe as it is, and to a terminal without control characters", () => {
  const { isTTY } = process.stdout;
  try {
    process.stdout.isTTY = false;
    assert.is(shownText(`a${ESCAPE}\n`), `a${ESCAPE}\n`);
    process.stdout.isTTY = true;
    assert.is(shownText("a\u001b[2J\n\tשלום\u200f"), "a\\u001b[2J\n\tשלום\u200f");
  } finally {
    process.stdout.isTTY = isTTY;
  }
});

test.run();
