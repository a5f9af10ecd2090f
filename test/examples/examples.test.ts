// Every example as its reader would run it: a process of its own, its exit code and the lines that matter. Also what they
// promise: 60 lines at most, opening with what they show and the command that runs them.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { capture } from "../../tools/run-command.mjs";
import { adapter } from "../support/gpu.ts";
import { skipUnless } from "../support/skip.ts";

const FOLDER = fileURLToPath(new URL("../../examples/", import.meta.url));
const MOST_LINES = 60;
/** An f32 result next to an f64 one, of a hundred or so terms near 1. */
const SMALL = /largest difference[^\n]*: (\d\.\de-(0?[5-9]|1\d)|0\.0e\+0)\b/;

const test = suite("examples");
const gpuTest = skipUnless(test, adapter, "no Vulkan adapter");
const files = readdirSync(FOLDER).filter((name) => name.endsWith(".ts"));
const numbered = files.filter((name) => /^\d/.test(name));
/** It needs a bundle, and what matters is that it runs without the compiler: test/package/package.test.ts has it. */
const elsewhere = "07-run-a-bundle.ts";
const ran = new Set<string>();

test("each has 60 lines at most, and the numbered ones open with their command", () => {
  for (const name of files) {
    const text = readFileSync(join(FOLDER, name), "utf8");
    const lines = text.trimEnd().split("\n");
    assert.ok(lines.length <= MOST_LINES, `${name} has ${lines.length} lines`);
    assert.match(lines[0] ?? "", /^\/\/ /, `${name} opens with what it shows`);
    if (!numbered.includes(name)) continue;
    const head = lines
      .slice(
        0,
        lines.findIndex((line) => !line.startsWith("//")),
      )
      .join("\n");
    assert.ok(head.includes(`npx tsx examples/${name}`), `${name} does not say how to run it`);
  }
});

test("01 prints a graph that parses to itself, and interprets it", async () => {
  const output = await run("01-build-a-graph.ts");
  assert.match(output, /graph layer\(x: f32\[T, 3\], weight w: f32\[3, 2\], weight b: f32\[2\]\) \{/);
  assert.match(output, /the text is the same/);
  // [1, 2, 3] · w + b = [4 + ½, 5 − ½], and the second row is negative.
  assert.match(output, /y is \[2, 2\]: 4\.5, 4\.5, 0, 0/);
});

test("02 shows one rule that fires and one that says no, and equal numbers", async () => {
  const output = await run("02-watch-a-pass.ts");
  assert.match(output, /after:\n.*\n {2}real = gelu\(x\) : f32\[4\]/);
  assert.match(output, /tanh-polynomial at t: fired/);
  assert.match(output, /erf at e: no, half-x-times-one-plus: fake is 0\.4·x·e \+ 0\.4·x, not/);
  assert.match(output, SMALL);
});

gpuTest("03 prints a kernel and its distance from the reference", async () => {
  const output = await run("03-one-kernel.ts");
  assert.match(output, /\/\/ layer_norm_\w+\.96\.wgsl\n/);
  assert.match(output, /@compute @workgroup_size\(\w+\)/);
  assert.match(output, SMALL);
});

gpuTest("04 continues a prompt", async () => {
  const output = await run("04-generate.ts", "models/shakespeare", "JULIET:\n");
  assert.ok(output.trim().length > 40, `60 tokens are more text than ${JSON.stringify(output)}`);
});

gpuTest("05 fuses an op that no kernel knows into a matmul's kernel", async () => {
  const output = await run("05-your-own-op.ts");
  assert.match(output, /dispatches: 3 without fusion, 1 with it/);
  assert.match(output, /let softsign_0 = add_0 \/ \(1\.0 \+ abs\(add_0\)\);/);
  assert.match(output, SMALL);
});

gpuTest("06 puts a task to a model, with its own text or a file's", async () => {
  assert.match(
    await run("06-zero-shot.ts", "--task", "translate"),
    /I am cold\. = J'ai froid\.\nThe book .* =\n# shakespeare/,
  );
  const output = await run("06-zero-shot.ts", "--task", "summarize", "LICENSE");
  assert.match(output, /Summarize the following article:\n\nMIT License/);
  assert.match(output, /\n\nSummary:\n# shakespeare answers\n./);
});

test("06 names its tasks when it is given another", async () => {
  const { ok, output } = await start("06-zero-shot.ts", "--task", "sing");
  assert.not(ok);
  assert.match(output, /there is no task sing; tasks are summarize, tldr, translate, answer, few-shot/);
});

gpuTest("08 runs two variants on one copy of the weights, and tells what a pass gains", async () => {
  const output = await run("08-compare-variants.ts");
  const [, a = "", b = ""] = /^A: (\d+) dispatches, [^\n]*\nB: (\d+) dispatches, /.exec(output) ?? [];
  assert.ok(Number(a) < Number(b), output);
  assert.match(output, /B is A without fuse-attention; both read the same 5\.\d MiB of weights\n/);
  assert.match(output, SMALL);
});

test("none is left out here", () => {
  const here = numbered.filter((name) => name !== elsewhere);
  assert.equal(adapter ? [...ran].sort() : here, here);
});

test.run();

function start(name: string, ...args: readonly string[]) {
  ran.add(name);
  return capture([process.execPath, "--import", "tsx", join("examples", name), ...args], { seconds: 60 });
}

/** What the example prints to stdout; fails when it ends with an error. */
async function run(name: string, ...args: readonly string[]): Promise<string> {
  const { ok, stdout, output, ended } = await start(name, ...args);
  assert.ok(ok, `${name}: ${ended}\n${output}`);
  return stdout;
}
