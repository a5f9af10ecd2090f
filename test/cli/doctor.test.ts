// `wgpt doctor`: what it finds, and what it advises where there is nothing.
import { platform } from "node:os";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { adapter, onGpu } from "../support/gpu.ts";
import { output, runCli } from "../support/run-cli.ts";
import { skipUnless } from "../support/skip.ts";

const test = suite("doctor");
const gpuTest = onGpu(test);

const found = adapter && { text: runCli(["doctor"]), json: runCli(["doctor", "--json"]) };
const without = {
  text: runCli(["doctor"], { noDriver: true }),
  json: runCli(["doctor", "--json"], { noDriver: true }),
};

gpuTest("names the adapter, its target and its limits", async () => {
  if (!found) return;
  const text = output(await found.text);
  assert.ok(text.includes(`adapter   ${adapter?.description}`));
  assert.match(text, /^target {4}\S+: .+$/m);
  assert.match(text, /^ {2}maxStorageBufferBindingSize +\d+$/m);
  assert.match(text, /\neverything wgpt needs is there\n$/);
  const object = JSON.parse(output(await found.json));
  assert.equal(Object.keys(object), ["machine", "adapter", "target", "problem", "advice"]);
  assert.is(object.adapter.description, adapter?.description);
  assert.equal([object.problem, object.advice], [null, null]);
});

skipUnless(
  test,
  platform() === "linux",
  "only Linux lets a process go without its driver",
)("without a driver it exits with 1, and says what to install", async () => {
  const { code, stdout, stderr } = await without.text;
  assert.is(code, 1);
  assert.is(stderr, "");
  assert.match(stdout, /^no adapter: /m);
  assert.match(stdout, /^what to do: \S/m);
  const machine = await without.json;
  assert.is(machine.code, 1);
  const object = JSON.parse(machine.stdout);
  assert.is(object.adapter, null);
  assert.ok(object.problem.length > 0 && object.advice.length > 0);
});

test.run();
