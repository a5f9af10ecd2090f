// `wgpt bench`: that it measures what it says, of a folder, of a preset's random weights, and of the host alone.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { spreadOf } from "../../cli/measure.ts";
import { adapter, onGpu } from "../support/gpu.ts";
import { NANO_SORT } from "../support/models.ts";
import { assertFails, output, runCli } from "../support/run-cli.ts";
import { skipUnless } from "../support/skip.ts";

const test = suite("bench command");
const gpuTest = onGpu(test);

const host = runCli(["bench", "gpt2-xl", "--host", "--json"]);
const hostText = runCli(["bench", "gpt2", "--host", "--context", "64", "--dtype", "f16"]);
const refused = runCli(["bench", "--host", "--target", "abacus"]);
const run = (...args: readonly string[]) => (adapter ? runCli(["bench", ...args]) : undefined);
const small = ["--runs", "2", "--max-new-tokens", "4"];
const json = run("--json", "--prefill", "5,20", ...small);
const rows = run("--rows", "3", "--json", ...small);
const rowsText = run("--rows", "2", ...small);
const tooLong = run("--prefill", "20,1000", ...small);
const text = run("--prefill", "8", ...small);
const tooSmall = NANO_SORT === undefined ? undefined : run(NANO_SORT, ...small);
const result = async (done: ReturnType<typeof run>) => {
  const finished = await done;
  if (!finished) throw new Error("this test needs a GPU");
  return finished;
};

test("--host measures a step of gpt2-xl without a GPU and without its memory", async () => {
  const { encode_ms, step_ms, ...facts } = JSON.parse(output(await host));
  assert.equal(facts, { model: "gpt2-xl", target: "webgpu-default", dispatches_per_token: 248, backend: "null" });
  assert.ok(encode_ms.min > 0 && encode_ms.min <= encode_ms.median && encode_ms.median <= encode_ms.max);
  assert.is(encode_ms.runs, 300);
  assert.ok(step_ms.median >= encode_ms.median);
  process.stdout.write(`(host: ${encode_ms.median.toFixed(3)} ms to encode a step of gpt2-xl) `);
});

test("--host says in words what it measured", async () => {
  const lines = output(await hostText).split("\n");
  assert.match(lines[0] ?? "", /^gpt2: the host's part of a decode step of 65 dispatches, on Dawn's null backend$/);
  assert.match(lines[1] ?? "", /^ {2}encode and submit {2}\d\.\d{3} ms \(\d/);
  assertFails(await refused, /target: there is no target abacus/);
});

gpuTest("--rows decodes several at a time, beside one", async () => {
  const facts = JSON.parse(output(await result(rows)));
  assert.equal([facts.model, facts.rows, facts.decoded_tokens, facts.ratio.runs], ["embedded", 3, 4, 2]);
  for (const spread of [facts.decode_tokens_per_second, facts.batch_tokens_per_second, facts.ratio])
    assert.ok(spread.min > 0 && spread.min <= spread.median && spread.median <= spread.max);
  const lines = output(await result(rowsText)).split("\n");
  assert.match(lines[2] ?? "", /^ {2}2 at a time {3}\S+ tokens\/s \(2 runs/);
});

gpuTest("--json has the figures, with their runs, and the adapter they are of", async () => {
  const facts = JSON.parse(output(await result(json)));
  assert.equal([facts.model, facts.weights, facts.dtype], ["embedded", "checkpoint", "f32"]);
  assert.is(facts.adapter, adapter?.description);
  assert.is(facts.software, adapter?.software);
  assert.equal(Object.keys(facts.prefill_tokens_per_second), ["5", "20"]);
  for (const spread of [
    facts.time_to_first_token_ms,
    facts.decode_tokens_per_second,
    ...Object.values<{ min: number; median: number; max: number; runs: number }>(facts.prefill_tokens_per_second),
  ]) {
    assert.is(spread.runs, 2);
    assert.ok(spread.min > 0 && spread.min <= spread.median && spread.median <= spread.max);
  }
  assert.is(facts.dispatches_per_token, 34);
  assert.is(facts.weight_bytes_per_token, 4 * (1353728 - 256 * 128 + 2 * 128));
  const perSecond = (facts.weight_bytes_per_token * facts.decode_tokens_per_second.median) / 1e9;
  assert.ok(Math.abs(facts.weight_gigabytes_per_second - perSecond) < 1e-9);
  assert.ok(facts.load_ms > 0 && facts.gpu_bytes > 4 * 1353728 && facts.peak_rss_bytes > facts.gpu_bytes);
});

gpuTest("names the adapter first, and marks software as such", async () => {
  const [head = "", ...lines] = output(await result(text))
    .trimEnd()
    .split("\n");
  assert.is(head, `embedded, f32 weights, on ${adapter?.description}${adapter?.software ? " (software)" : ""}`);
  const names = lines.map((line) => line.slice(2, 16).trim());
  assert.equal(names, ["load", "memory", "first token", "decode", "prefill 8", "dispatches", "weights read"]);
});

gpuTest("refuses a prompt that the context has no room for", async () => {
  assertFails(await result(tooLong), /--prefill: is 1000, but the context is 256 tokens/);
});

skipUnless(
  test,
  adapter && NANO_SORT,
  "no Vulkan adapter, or no ../shared/data/models/gpt-nano-sort",
)("refuses a model whose context has no room for a run", async () => {
  assertFails(await result(tooSmall), /bench: the context is 11 tokens, but a run takes a prompt of 16/);
});

test("a median of an even number of runs lies between the two in the middle", () => {
  assert.equal(spreadOf([3, 1, 2]), { median: 2, min: 1, max: 3, runs: 3 });
  assert.equal(spreadOf([4, 1, 2, 3]), { median: 2.5, min: 1, max: 4, runs: 4 });
});

test.run();
