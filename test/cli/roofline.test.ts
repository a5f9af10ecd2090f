// `wgpt roofline`: that its figures are those of the cost model, that its bytes are those which runs load and store, and that its plot can be read.
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DTYPE_BYTES } from "../../base/dtype.ts";
import { WgptError } from "../../base/index.ts";
import { apart } from "../../cli/roofline-plot.ts";
import { compileModel } from "../../codegen/compile.ts";
import { demandOf, predict } from "../../codegen/cost.ts";
import { instrumentPlan } from "../../codegen/instrument.ts";
import { MACHINES } from "../../codegen/machines.ts";
import { predictSteps, roofsOf } from "../../codegen/predict-steps.ts";
import { renderShader } from "../../codegen/render-shader.ts";
import { targetByName } from "../../codegen/target.ts";
import { standard } from "../../codegen/toolkit.ts";
import { readModel } from "../../engine/index.ts";
import { at } from "../../ir/errors.ts";
import { evalDim } from "../../ir/type.ts";
import { Executor } from "../../runtime/executor.ts";
import { countedAccesses, startCounting } from "../support/count-accesses.ts";
import { onGpu } from "../support/gpu.ts";
import { inFolder } from "../support/make-safetensors.ts";
import { EMBEDDED } from "../support/models.ts";
import { runInProcess } from "../support/run-in-process.ts";

const test = suite("roofline");
const gpuTest = onGpu(test);

interface JsonStep {
  readonly step: string;
  readonly kernel: string;
  readonly ops: string;
  readonly config: object;
  readonly calls: number;
  readonly accounts: boolean;
  readonly microseconds: number;
  readonly bound: string;
  readonly memory_bytes: number;
  readonly multiply_adds: number;
  readonly gigabytes_per_second: number;
  readonly gigaflops: number;
  readonly share: number;
}
interface JsonMachine {
  readonly gpu: string;
  readonly lengths: Readonly<Record<string, number>>;
  readonly dispatches: number;
  readonly predicted: { readonly ms: number; readonly tokens_per_second?: number; readonly steps: readonly JsonStep[] };
}

const printed = async (...args: readonly string[]): Promise<string> => {
  const { stdout, error } = await runInProcess(["roofline", ...args]);
  if (error !== undefined) throw error;
  return stdout;
};
const machines = async (...args: readonly string[]): Promise<readonly JsonMachine[]> =>
  JSON.parse(await printed(...args, "--json")).machines;
const complaint = async (...args: readonly string[]): Promise<string> => {
  const { stdout, error } = await runInProcess(["roofline", ...args]);
  assert.is(stdout, "");
  return error instanceof WgptError ? error.message : `no complaint, but ${error}`;
};
const near = (a: number, b: number, place = ""): void =>
  assert.ok(Math.abs(a - b) <= 1e-9 * Math.abs(b), `${place} ${a} and ${b}`);

/** `sample_token`'s passes depend on its settings: its account is of the usual ones. */
const isCounted = ({ ops }: { readonly ops: string }): boolean => !/\bsample_token/.test(ops);

for (const [entry, past, name] of [
  ["decode", 37, "webgpu-default"],
  ["prefill", 19, "lavapipe"],
] as const)
  gpuTest(`${entry} for ${name}: the bytes of every step are those that a run loads and stores`, async (gpu) => {
    const { family, config } = await readModel(EMBEDDED, standard);
    const compiled = compileModel(family, config, { target: targetByName(name), entries: [entry] });
    const [machine] = await machines(EMBEDDED, "--gpu", name, "--entry", entry, "--past", String(past));
    const lengths = { ...at(compiled.entries, 0).lengths, P: past };
    assert.equal(machine?.lengths, lengths);
    const { plan, steps } = instrumentPlan(compiled);
    const executor = await Executor.create(gpu, plan);
    try {
      startCounting(executor, steps, lengths);
      const { fixed } = executor.entry(entry);
      executor.run(entry, Object.fromEntries(Object.entries(lengths).filter(([symbol]) => !(symbol in fixed))));
      let compared = 0;
      for (const predicted of predictSteps(compiled.plan, at(compiled.entries, 0), targetByName(name), lengths)) {
        if (!isCounted(predicted)) continue;
        assert.ok(predicted.account, `${predicted.kernel} accounts for its work`);
        for (const place of predicted.places) {
          const { label } = at(at(plan.entries, 0).steps, place);
          const counted = await countedAccesses(
            executor,
            at(
              steps.filter((s) => s.label === label),
              0,
            ),
            lengths,
          );
          let touched = 0;
          for (const { binding, loads, stores, bytes } of predicted.account?.traffic ?? []) {
            const [read, written] = ["read", "write"].map((kind) => counted.get(`${kind} ${binding.name}`) ?? 0);
            assert.equal([read, written], [loads, stores], `${label}: loads and stores of ${binding.name}`);
            const { type } = binding.value;
            const whole = type.shape.reduce<number>((n, d) => n * (evalDim(d, lengths) ?? 1), DTYPE_BYTES[type.dtype]);
            touched += Math.min(whole, (read ?? 0) * bytes) + Math.min(whole, (written ?? 0) * bytes);
          }
          const shown = machine?.predicted.steps.find((s) => s.kernel === predicted.kernel);
          assert.is(shown?.memory_bytes, touched, `${label}: the bytes that are printed`);
          compared++;
        }
      }
      assert.is(compared, at(plan.entries, 0).steps.length - 1, "of every step but the draw");
    } finally {
      executor.destroy();
    }
  });

test("every figure is what the cost model says of the step that the plan has", async () => {
  const target = targetByName("h100");
  const { family, config } = await readModel("gpt2", standard);
  const compiled = compileModel(family, config, { target, weights: "f16", entries: ["decode"] });
  const [machine] = await machines("gpt2", "--gpu", "h100", "--dtype", "f16");
  const { computed, lengths } = at(compiled.entries, 0);
  const { steps } = at(compiled.plan.entries, 0);
  let sum = 0;
  computed.forEach(({ node, kernel, config: chosen }, i) => {
    const demand = demandOf(renderShader({ kernel, config: chosen }, node, target), lengths);
    const { seconds, bound } = predict(demand, target.machine);
    const shown = machine?.predicted.steps.find((s) => s.kernel === at(steps, i).kernel);
    assert.ok(shown);
    if (!shown) return;
    near(shown.microseconds, 1e6 * seconds);
    assert.equal([shown.bound, shown.memory_bytes], [bound, demand.memoryBytes]);
    assert.is(shown.multiply_adds, demand.multiplyAdds);
    assert.equal(shown.config, chosen);
    near(shown.gigabytes_per_second, demand.memoryBytes / seconds / 1e9);
    near(shown.gigaflops, (2 * demand.multiplyAdds) / seconds / 1e9);
    sum += seconds;
  });
  near(machine?.predicted.ms ?? 0, 1e3 * sum);
  near(machine?.predicted.tokens_per_second ?? 0, 1 / sum);
  const all = machine?.predicted.steps ?? [];
  near(
    all.reduce((n, s) => n + s.share, 0),
    1,
  );
  assert.is(
    all.reduce((n, s) => n + s.calls, 0),
    machine?.dispatches,
  );
  assert.equal(
    all.map((s) => s.share),
    all.map((s) => s.share).toSorted((a, b) => b - a),
    "what takes most comes first",
  );
});

test("no step is predicted above a roof, on any machine", async () => {
  const all = await machines(EMBEDDED, "--gpu", Object.keys(MACHINES).join(","), "--entry", "prefill");
  assert.is(all.length, Object.keys(MACHINES).length);
  for (const { gpu, predicted } of all) {
    const roofs = roofsOf(targetByName(gpu).machine);
    for (const s of predicted.steps) {
      assert.ok(s.gigabytes_per_second * 1e9 <= roofs.memory * (1 + 1e-9), `${gpu} ${s.kernel}: memory`);
      assert.ok(s.gigaflops * 1e9 <= 2 * roofs.multiplyAdds * (1 + 1e-9), `${gpu} ${s.kernel}: multiply-adds`);
    }
  }
});

test("a GPU's roofs are those that its description has", () => {
  const { h100 } = MACHINES;
  const roofs = roofsOf(h100);
  near(roofs.memory, h100.bandwidth);
  near(roofs.cache ?? 0, h100.cacheBandwidth);
  near(roofs.multiplyAdds, h100.multiplyAdds.f32);
  assert.is(roofsOf(MACHINES.lavapipe).cache, undefined, "loads of software cost the same wherever the bytes are");
});

test("the table says that it is predicted, for which machine, and stays within 100 columns", async () => {
  const text = await printed("gpt2-xl", "--gpu", "h100,rx-7900-xtx", "--entry", "prefill", "--dtype", "f16");
  for (const line of text.split("\n")) assert.ok(line.length <= 100, line);
  const [first = "", second = ""] = text.split("\n\n");
  assert.match(first, /^gpt2-xl as f16, prefill of 128 tokens after 512: predicted for h100, not measured\n/);
  assert.match(second, /^gpt2-xl as f16, .*: predicted for rx-7900-xtx, not measured\n/);
  const titles = / calls +a call +bound by +memory +multiply-adds +GB\/s +GFLOP\/s +share\n/;
  assert.match(first, titles);
  assert.match(first, /\npredicted: \S+ ms for \d+ dispatches, \S+ tokens\/s; bound by [a-z]+ for \S+ %$/);
  const ends = first
    .split("\n")
    .filter((line) => /^ +\d+ +\S+ (µs|ms) /.test(line) || titles.test(`${line}\n`))
    .map((line) => line.length);
  assert.is(new Set(ends).size, 1, "columns end alike");
});

test("graphs of a file are predicted too, at their lengths", async () => {
  const [machine] = await machines("examples/mlp.graph", "--max", "T=64");
  assert.equal(machine?.lengths, { T: 64 });
  assert.is(machine?.predicted.tokens_per_second, undefined);
  assert.match(await printed("examples/mlp.graph", "--max", "T=64"), /, mlp at T = 64: predicted for webgpu-default/);
  assert.match(
    await complaint("examples/mlp.graph", "--max", "T=64", "--past", "1"),
    /--past: is given, but graphs of a file know no tokens/,
  );
});

test("--past has to leave room for what a call appends", async () => {
  const [full] = await machines(EMBEDDED, "--past", "255");
  assert.is(full?.lengths["P"], 255);
  assert.match(
    await complaint(EMBEDDED, "--past", "256"),
    /--past: is 256, but decode appends a token, and the context is 256\nhint: give 255 or less/,
  );
  assert.match(
    await complaint(EMBEDDED, "--past", "200", "--entry", "prefill"),
    /prefill appends 128 tokens, and the context is 256\nhint: give 128 or less/,
  );
  const [short] = await machines(EMBEDDED, "--context", "128", "--entry", "prefill");
  assert.is(short?.lengths["P"], 0, "half of the context leaves no room for a whole call");
});

const SVG = ["gpt2", "--gpu", "h100,lavapipe"];

test("--svg draws a dot and a name for each step, under a title that says what it is", () =>
  inFolder({}, async (folder) => {
    const file = join(folder, "plot.svg");
    const all = await machines(...SVG, "--svg", file);
    const text = readFileSync(file, "utf8");
    assert.match(text, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" data-made-by="wgpt roofline" /);
    assert.match(text, /<title>Roofline of gpt2, predicted for h100, lavapipe, not measured<\/title>/);
    for (const { gpu } of all) assert.match(text, new RegExp(`: predicted for ${gpu}, not measured</text>`));
    const steps = all.flatMap((m) => m.predicted.steps);
    assert.is(text.match(/<circle [^>]*><title>/g)?.length, steps.length);
    for (const { step } of steps) assert.ok(text.includes(`  ${step}`), step);
    assert.not.match(text, /NaN|undefined|Infinity/);
    assert.is(
      text.match(/<(?!\/)[a-z]+[^>]*[^/]>/g)?.length,
      text.match(/<\/[a-z]+>/g)?.length,
      "what opens is closed",
    );
  }));

test("--svg replaces an older plot and nothing else, and leaves nothing beside it", () =>
  inFolder({ "notes.svg": "<svg/>", "empty.svg": "" }, async (folder) => {
    const [plot, notes, empty] = ["plot.svg", "notes.svg", "empty.svg"].map((name) => join(folder, name));
    for (const file of [plot, plot, empty]) await printed(EMBEDDED, "--svg", file ?? "");
    assert.ok(statSync(empty ?? "").size > 1000);
    assert.match(
      await complaint(EMBEDDED, "--svg", notes ?? ""),
      /notes\.svg: is there already, and is no roofline plot that wgpt wrote\nhint: move it elsewhere/,
    );
    assert.is(readFileSync(notes ?? "", "utf8"), "<svg/>");
    assert.match(await complaint(EMBEDDED, "--svg", folder), /: is a folder, but a file is to be written/);
    assert.match(
      await complaint(EMBEDDED, "--svg", join(folder, "none", "p.svg")),
      /p\.svg: can't be written: no such file or directory/,
    );
    assert.not.ok(existsSync(join(folder, "none")));
  }));

test("names keep their distance and their order, and go no further than they must", () => {
  assert.equal(apart([10, 12, 50], 10, [0, 100]), [10, 20, 50]);
  assert.equal(apart([90, 95, 99], 10, [0, 100]), [80, 90, 100]);
  assert.equal(apart([], 10, [0, 100]), []);
});

test.run();
