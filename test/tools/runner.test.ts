// The project's runner, seen from outside: as a child process, on small folders made for it.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ALONE, apart, inOrder, LONGEST, TOGETHER } from "../support/schedule.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SKIP = new URL("../support/skip.ts", import.meta.url).href;
const UVU = `import { test } from "uvu";`;
const PASSES = `${UVU} test("passes", () => {}); test.run();`;

const test = suite("runner");
const made: string[] = [];
test.after(() => {
  for (const dir of made) rmSync(dir, { recursive: true, force: true });
});

test("counts a file's tests, and closes with the tally", () => {
  const { lines, status } = run({ "a.test.ts": PASSES, "deep/b.test.ts": PASSES, "helper.ts": "throw 1" });
  assert.is(lines.at(-1), "2 passed, 0 failed");
  assert.is(status, 0);
});

test("fails a failing, an empty and a throwing file, names each, and runs the rest", () => {
  const { lines, errors, status } = run({
    "a-throws.test.ts": `throw new Error("broken import");`,
    "b-empty.test.ts": `import { suite } from "uvu"; suite("forgotten")("never run", () => {});`,
    "c-fails.test.ts": `${UVU} test("fails", () => { throw new Error("wrong"); }); test("passes", () => {}); test.run();`,
    "d-syntax.test.ts": "const = ;",
    "e-passes.test.ts": PASSES,
  });
  assert.match(errors, /a-throws\.test\.ts: Error: broken import/);
  assert.match(errors, /b-empty\.test\.ts: no test registered; did it forget `test\.run\(\)`\?/);
  assert.match(errors, /d-syntax\.test\.ts: .*Transform failed/);
  assert.ok(lines.includes("  c-fails.test.ts: 1"), "the list of failed files names it");
  assert.is(lines.at(-1), "2 passed, 4 failed");
  assert.is(status, 1);
});

test("fails on what nobody awaited, a hook that throws, a test without an end, and an early exit", () => {
  const { lines, errors, status } = run(
    {
      "a-stray.test.ts": `${UVU} test("leaves a rejection", () => { Promise.reject(new Error("adrift")); }); test.run();`,
      "b-hook.test.ts": `${UVU} test.before(() => { throw new Error("no"); }); test("waits", () => {}); test.run();`,
      "c-stuck.test.ts": `${UVU} test("hangs", () => new Promise(() => {})); test.run();`,
      "d-exits.test.ts": `${UVU} test("exits", () => process.exit(0)); test.run();`,
      "e-goes-on.test.ts": PASSES,
    },
    ["--timeout", "1"],
  );
  assert.match(errors, /a-stray\.test\.ts: unhandled rejection: Error: adrift/);
  assert.match(errors, /b-hook\.test\.ts: 1 of 1 tests did not finish: a hook threw/);
  assert.match(errors, /c-stuck\.test\.ts: still running after 1 s/);
  assert.match(errors, /d-exits\.test\.ts: the process ended before its tests did/);
  // The stray's own test passed, and so did the file after the exit; the hook costs its test and a complaint.
  assert.is(lines.at(-1), "2 passed, 5 failed");
  assert.is(status, 1);
});

test("lists skips by name and reason, and adds them to the tally", () => {
  const { lines, status } = run({
    "a.test.ts": `${UVU} import { skipUnless } from "${SKIP}";
      skipUnless(test, undefined, "no adapter")("needs a GPU", () => {});
      skipUnless(test, "here", "no adapter")("has all it needs", () => {});
      test.skip("bare", () => {});
      test.run();`,
  });
  assert.ok(lines.includes("  a.test.ts: needs a GPU (no adapter)"));
  assert.ok(lines.some((line) => line.includes("bare `test.skip`")));
  assert.is(lines.at(-1), "1 passed, 0 failed, 2 skipped");
  assert.is(status, 0);
});

test("ends although a timer keeps the loop open, and takes a pattern", () => {
  const files = { "a.test.ts": `setInterval(() => {}, 1000); ${PASSES}`, "b.test.ts": "throw 1" };
  const { lines, status } = run(files, ["a.test"]);
  assert.is(lines.at(-1), "1 passed, 0 failed");
  assert.is(status, 0);
});

test("goes on in another process where a file takes its own down, and names the signal", () => {
  const dies = `${UVU} console.log("last words"); test("dies", () => process.kill(process.pid, "SIGKILL")); test.run();`;
  for (const jobs of ["1", "2"]) {
    const files = { "a-dies.test.ts": dies, "b.test.ts": PASSES, "c.test.ts": PASSES };
    const { lines, errors, status } = run(files, ["--jobs", jobs]);
    assert.match(errors, /^a-dies\.test\.ts: the process ended before its tests did: SIGKILL$/m);
    assert.ok(lines.includes("last words"));
    assert.is(lines.at(-1), "2 passed, 1 failed");
    assert.is(status, 1);
  }
});

test("two processes share the files, and what each file prints stands below its name", () => {
  const says = `${UVU} import { setTimeout } from "node:timers/promises";
    test("says", async () => { for (const _ of "abcd") { console.log("by", process.pid); await setTimeout(100); } }); test.run();`;
  const { lines } = run({ "a.test.ts": says, "b.test.ts": says }, ["--jobs", "2"]);
  const heads = ["a.test.ts", "b.test.ts"].map((name) => lines.indexOf(name));
  const said = heads.map(
    (head) =>
      new Set(
        lines
          .slice(head + 1)
          .filter((line) => /^by \d+$/.test(line.trim()))
          .slice(0, 4),
      ),
  );
  assert.equal(
    said.map(({ size }) => size),
    [1, 1],
  );
  assert.is(new Set(said.flatMap((pids) => [...pids])).size, 2);
});

test("begins with the longest, and keeps together what has to be, all of which there is", () => {
  const files = ["a", "package/a", "runtime/session", "package/b", "cli/inspect", "z"].map((name) => `${name}.test.ts`);
  const { shared, alone } = apart(files);
  assert.equal(
    inOrder(shared).map((batch) => batch.join(" ")),
    ["package/a.test.ts package/b.test.ts", "runtime/session.test.ts", "a.test.ts", "z.test.ts"],
  );
  assert.equal(alone, ["cli/inspect.test.ts"]);
  const all = readdirSync(join(ROOT, "test"), { recursive: true, encoding: "utf8" }).map((name) =>
    name.split(sep).join("/"),
  );
  for (const start of [...LONGEST, ...TOGETHER.flat(), ...ALONE])
    assert.ok(
      all.some((name) => name.startsWith(start) && name.endsWith(".test.ts")),
      start,
    );
});

test("fails when no file matches", () => {
  const { lines, errors, status } = run({ "a.test.ts": PASSES }, ["nothing-like-it"]);
  assert.match(errors, /no test file in .* matches nothing-like-it/);
  assert.is(lines.at(-1), "0 passed, 1 failed");
  assert.is(status, 1);
});

test.run();

/** Runs the runner on a folder with these files in it. */
function run(files: Readonly<Record<string, string>>, args: readonly string[] = []) {
  const dir = mkdtempSync(join(tmpdir(), "wgpt-runner-"));
  made.push(dir);
  writeFileSync(join(dir, "package.json"), `{ "type": "module" }`);
  symlinkSync(join(ROOT, "node_modules"), join(dir, "node_modules"), "junction");
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(dir, name, ".."), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
  const runner = ["--import", "tsx", "test/run.ts", "--dir", dir, ...args];
  const { stdout, stderr, status } = spawnSync(process.execPath, runner, {
    cwd: ROOT,
    encoding: "utf8",
    timeout: 20_000,
  });
  return { lines: stdout.trimEnd().split("\n"), errors: stderr, status };
}
