// `wgpt profile`: that shares add up, that figures are of what they say, that its trace is one, and what is refused.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { WgptError } from "../../base/index.ts";
import { adapter, onGpu } from "../support/gpu.ts";
import { inFolder } from "../support/make-safetensors.ts";
import { EMBEDDED } from "../support/models.ts";
import { runInProcess } from "../support/run-in-process.ts";

const test = suite("profile command");
const gpuTest = onGpu(test);

const printed = async (...args: readonly string[]): Promise<string> => {
  const { stdout, error } = await runInProcess(["profile", ...args]);
  if (error !== undefined) throw error;
  return stdout;
};
const complaint = async (...args: readonly string[]): Promise<string> => {
  const { stdout, error } = await runInProcess(["profile", ...args]);
  assert.is(stdout, "");
  return error instanceof WgptError ? error.message : `no complaint, but ${error}`;
};
const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
const isSpread = ({ median, min, max }: { median: number; min: number; max: number }): boolean =>
  min > 0 && min <= median && median <= max;

interface JsonKernel {
  readonly kernel: string;
  readonly calls: number;
  readonly microseconds: { median: number; min: number; max: number; runs: number };
  readonly share: number;
  readonly memory_bytes: number;
  readonly multiply_adds: number;
  readonly gigabytes_per_second: number;
  readonly gigaflops: number;
  readonly predicted: { readonly microseconds: number; readonly bound: string };
  readonly percent_of_predicted: number;
}

const KERNEL_KEYS = [
  ...["kernel", "step", "ops", "config", "calls", "microseconds", "share", "memory_bytes", "multiply_adds"],
  ...["gigabytes_per_second", "gigaflops", "predicted", "percent_of_predicted"],
];
const KEYS = [
  ...[
    "model",
    "weights",
    "dtype",
    "cache_dtype",
    "adapter",
    "software",
    "past_tokens",
    "steps",
    "dispatches",
    "whole_step_ms",
  ],
  ...["cut_step_ms", "kernels_ms", "cutting_costs_ms", "cutting_costs_share", "predicted", "kernels"],
];

gpuTest("--json has every kernel's part of the step, and the step whole and cut", async () => {
  const facts = JSON.parse(await printed("--steps", "3", "--dtype", "f16", "--tokens", "1,2,3,4,5", "--json"));
  assert.equal(Object.keys(facts), KEYS);
  assert.equal([facts.model, facts.weights, facts.dtype], ["embedded", "checkpoint", "f16"]);
  assert.equal([facts.adapter, facts.software], [adapter?.description, adapter?.software]);
  assert.equal([facts.past_tokens, facts.steps, facts.dispatches], [5, 3, 34]);
  for (const spread of [facts.whole_step_ms, facts.cut_step_ms, facts.kernels_ms]) {
    assert.ok(isSpread(spread), JSON.stringify(spread));
    assert.is(spread.runs, 3);
  }
  assert.ok(facts.kernels_ms.median <= facts.cut_step_ms.median, "between passes no time goes by backwards");
  const costs = facts.cut_step_ms.median - facts.whole_step_ms.median;
  assert.ok(Math.abs(facts.cutting_costs_ms - costs) < 1e-9);
  assert.ok(Math.abs(facts.cutting_costs_share - costs / facts.whole_step_ms.median) < 1e-9);
  const kernels: readonly JsonKernel[] = facts.kernels;
  for (const k of kernels) {
    assert.equal(Object.keys(k), KERNEL_KEYS, k.kernel);
    assert.ok(isSpread(k.microseconds), k.kernel);
    assert.is(k.microseconds.runs, 3 * k.calls, "every call of every step");
    const seconds = k.microseconds.median / 1e6;
    assert.ok(Math.abs(k.gigabytes_per_second * seconds * 1e9 - k.memory_bytes) < 1e-6 * k.memory_bytes, k.kernel);
    assert.ok(Math.abs(k.gigaflops * seconds * 1e9 - 2 * k.multiply_adds) <= 2e-6 * k.multiply_adds, k.kernel);
    const percent = (100 * k.microseconds.median) / k.predicted.microseconds;
    assert.ok(Math.abs(k.percent_of_predicted - percent) < 1e-6 * percent, k.kernel);
  }
  assert.is(sum(kernels.map((k) => k.calls)), 34);
  assert.ok(Math.abs(sum(kernels.map((k) => k.share)) - 1) < 1e-9, "the shares are all there is");
  const predicted = sum(kernels.map((k) => k.calls * k.predicted.microseconds)) / 1e3;
  assert.ok(Math.abs(facts.predicted.ms - predicted) < 1e-9 * predicted);
});

gpuTest("the table names the adapter first, what is software as such, and stays within 100 columns", async () => {
  const text = await printed("--steps", "2", "--prompt", "JULIET:");
  const [head = "", ...lines] = text.trimEnd().split("\n");
  assert.is(head, `embedded, f32 weights, on ${adapter?.description}${adapter?.software ? " (software)" : ""}`);
  for (const line of lines) assert.ok(line.length <= 100, line);
  const names = lines.slice(0, 6).map((line) => line.slice(2, 17).trim());
  assert.equal(names, ["measured", "whole step", "cut step", "cutting costs", "kernels", "predicted"]);
  assert.match(lines[0] ?? "", /2 decode steps after \d+ tokens, each in two ways/);
  assert.match(text, / of predicted\n/);
  const shares = [...text.matchAll(/ (\d+\.\d) % +\S+ \S+ +(?:\d+ %|-)$/gm)].map(([, share]) => Number(share));
  assert.ok(shares.length >= 8 && Math.abs(sum(shares) - 100) < 0.5, shares.join(" "));
});

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid?: number;
  readonly cat?: string;
  readonly ts?: number;
  readonly dur?: number;
  readonly args: Readonly<Record<string, unknown>>;
}

gpuTest("--trace writes events that a viewer of traces reads, and replaces an older trace and nothing else", () =>
  inFolder({ "notes.json": "{}" }, async (folder) => {
    const file = join(folder, "trace.json");
    for (let i = 0; i < 2; i++) await printed("--steps", "2", "--trace", file, "--json");
    const { traceEvents, otherData } = JSON.parse(readFileSync(file, "utf8")) as {
      readonly traceEvents: readonly TraceEvent[];
      readonly otherData: object;
    };
    assert.equal(Object.keys(otherData), ["made_by", "model", "dtype", "adapter"]);
    const names = traceEvents.filter((e) => e.ph === "M");
    assert.equal(
      names.map((e) => e.name),
      ["process_name", "thread_name", "thread_name"],
    );
    assert.ok(String(names[0]?.args["name"]).endsWith(adapter?.software ? "(software)" : (adapter?.description ?? "")));
    const events = traceEvents.filter((e) => e.ph === "X");
    assert.is(names.length + events.length, traceEvents.length);
    assert.is(events.length, 2 * (2 + 34));
    assert.is(Math.min(...events.map((e) => e.ts ?? Number.NaN)), 0);
    for (const { ts = Number.NaN, dur = Number.NaN, pid, tid } of events) {
      assert.ok(ts >= 0 && dur >= 0 && pid === 1);
      assert.ok(names.some((n) => n.name === "thread_name" && n.tid === tid));
    }
    const end = ({ ts = 0, dur = 0 }: TraceEvent): number => ts + dur;
    const cut = events.filter((e) => e.name === "decode, cut");
    for (const kernel of events.filter((e) => e.cat === "kernel"))
      assert.ok(
        cut.some((step) => (step.ts ?? 0) <= (kernel.ts ?? -1) && end(kernel) <= end(step) + 1e-3),
        `${kernel.name} lies in a step`,
      );
    assert.match(
      await complaint("--trace", join(folder, "notes.json")),
      /notes\.json: is there already, and is no trace that wgpt wrote/,
    );
    assert.is(readFileSync(join(folder, "notes.json"), "utf8"), "{}");
  }),
);

gpuTest("takes as many steps as the context has room for, and says where it has not", async () => {
  const facts = JSON.parse(await printed(EMBEDDED, "--context", "5", "--json"));
  assert.equal([facts.past_tokens, facts.steps], [4, 1]);
  assert.match(
    await complaint("--steps", "241"),
    /--steps: is 241, but after 16 tokens the context of 256 has room for 240\nhint: give 240 or less/,
  );
  assert.match(
    await complaint("--context", "3", "--tokens", "1,2,3"),
    /--tokens: has 3 tokens, but a step after them has no room in the context of 3\nhint: give 2 or fewer/,
  );
  assert.match(
    await complaint("--context", "1"),
    /profile: the context is 1 token, but a step appends one to a prompt/,
  );
  assert.match(await complaint("--tokens", ""), /--tokens: gives no tokens/);
});

test("what is refused needs no adapter", async () => {
  assert.match(await complaint("--trace", "/nowhere/t.json"), /t\.json: can't be written: no such file or directory/);
  assert.match(await complaint("--trace", "."), /\.: is a folder, but a file is to be written/);
  assert.match(await complaint("examples/mlp.graph"), /mlp\.graph: holds graphs, but this command takes a model/);
  assert.match(await complaint("gpt2", "--prompt", "a"), /text: is given, but the model has no tokenizer/);
});

test.run();
