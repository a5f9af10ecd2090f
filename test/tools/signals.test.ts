// A tool that runs another program hands on what would end it, and ends when that has ended, with its code.
import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { inFolder } from "../support/make-safetensors.ts";

const test = suite("signals");

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** A folder whose `wrapper.mjs` runs a program that computes on for a minute, and says when it has begun. */
const inWrapperFolder = (child: string, body: (folder: string) => Promise<void>): Promise<void> =>
  inFolder(
    {
      "child.mts": child,
      "package.json": JSON.stringify({ scripts: { go: "node wrapper.mjs" } }),
      "wrapper.mjs": `import { runSource } from ${JSON.stringify(`${ROOT}/tools/run-command.mjs`)};
import { relative } from "node:path";
const child = new URL("child.mts", import.meta.url).pathname;
process.exitCode = await runSource(relative(${JSON.stringify(ROOT)}, child), []);`,
    },
    body,
  );

/** Sends the signal to the program once it says that it has begun; how it ended, when all that it started has. */
function endedBy(command: ChildProcess, signal: NodeJS.Signals): Promise<string> {
  const said: string[] = [];
  command.stdout?.setEncoding("utf8").on("data", (text: string) => {
    said.push(text);
    if (text.includes("begun")) command.kill(signal);
  });
  // `close` comes when no process holds the pipe any more, and so not before the child's end.
  return new Promise((resolve) => command.on("close", (code, by) => resolve(`${said.join("").trim()} ${by ?? code}`)));
}

const COMPUTES = `console.log("begun"); setTimeout(() => {}, 60_000);`;

for (const signal of SIGNALS) {
  test(`${signal} to the tool alone ends its child, and both with the signal's code`, () =>
    inWrapperFolder(COMPUTES, async (folder) => {
      const command = spawn(process.execPath, ["wrapper.mjs"], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
      assert.is(await endedBy(command, signal), `begun ${128 + constants.signals[signal]}`);
    }));

  // Of SIGINT to npm alone nothing is heard: it goes to the shell, which waits. A terminal's goes to all of them.
  if (signal !== "SIGINT")
    test(`${signal} to npm ends what its script runs`, () =>
      inWrapperFolder(COMPUTES, async (folder) => {
        const began = performance.now();
        const command = spawn("npm", ["run", "--silent", "go"], { cwd: folder, stdio: ["ignore", "pipe", "ignore"] });
        assert.match(await endedBy(command, signal), /^begun/);
        assert.ok(performance.now() - began < 30_000, "the script computed on to its end");
      }));
}

test("the tool waits for a child that cleans up, and hands on its code", () =>
  inWrapperFolder(
    `process.on("SIGTERM", () => setTimeout(() => { console.log("cleaned"); process.exit(7); }, 200)); ${COMPUTES}`,
    async (folder) => {
      const command = spawn(process.execPath, ["wrapper.mjs"], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
      assert.is(await endedBy(command, "SIGTERM"), "begun\ncleaned 7");
    },
  ));

for (const signal of SIGNALS)
  test(`${signal} takes back what is begun, the newest first, and what stays is the signal`, () =>
    inWrapperFolder(
      `import { undoable } from ${JSON.stringify(`${ROOT}/cli/undo.ts`)};
await undoable(async (note) => {
  note(() => console.log("first"));
  await undoable(async (inner) => {
    inner(() => console.log("of a body that has ended"));
  });
  await undoable(async (inner) => {
    inner(() => console.log("inner"));
    note(() => console.log("second"));
    console.log("begun");
    await new Promise((resolve) => setTimeout(resolve, 60_000));
  });
});`,
      async (folder) => {
        const command = spawn(process.execPath, ["wrapper.mjs"], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
        assert.is(await endedBy(command, signal), `begun\ninner\nsecond\nfirst ${128 + constants.signals[signal]}`);
      },
    ));

for (const [signal, then] of SIGNALS.flatMap((signal) => [[signal, "60_000"] as const, [signal, undefined] as const]))
  test(`${signal} is heard also in the turn in which all is done, ${then ? "and more is to come" : "and the last"}`, () =>
    inWrapperFolder(
      `import { undoable } from ${JSON.stringify(`${ROOT}/cli/undo.ts`)};
import { readFile } from "node:fs/promises";
await undoable(async (note) => {
  note(() => console.log("taken back, though all is done"));
  // From here it is in the turn that looks for signals, which it has done or has yet to do.
  await readFile(new URL(import.meta.url));
  process.kill(process.pid, ${JSON.stringify(signal)});
});
console.log("what was left to do");
${then === undefined ? "" : `await new Promise((resolve) => setTimeout(resolve, ${then}));`}`,
      async (folder) => {
        const command = spawn(process.execPath, ["wrapper.mjs"], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
        assert.is(await endedBy(command, "SIGTERM"), `what was left to do ${128 + constants.signals[signal]}`);
      },
    ));

test("an early exit takes back what is begun", () =>
  inWrapperFolder(
    `import { beforeExit, undoable } from ${JSON.stringify(`${ROOT}/cli/undo.ts`)};
beforeExit(() => console.log("stopped"))();
beforeExit(() => console.log("cursor"));
await undoable(async (note) => {
  note(() => console.log("taken back"));
  console.log("begun");
  process.exit(3);
});`,
    async (folder) => {
      const command = spawn(process.execPath, ["wrapper.mjs"], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
      assert.is(await endedBy(command, "SIGTERM"), "begun\ntaken back\ncursor 3");
    },
  ));

test.run();
