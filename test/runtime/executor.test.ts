// The executor: what it refuses before anything runs, and what it does with sizes that WebGPU limits.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { PLAN_VERSION, type Plan } from "../../base/plan.ts";
import { compileEntries } from "../../codegen/compile.ts";
import { parseGraph } from "../../ir/parse.ts";
import { Executor } from "../../runtime/executor.ts";
import { adapter, onGpu } from "../support/gpu.ts";
import { rejects } from "../support/rejects.ts";
import { skipUnless } from "../support/skip.ts";

const test = suite("executor");
const gpuTest = onGpu(test);

const plan = (
  text = "graph g(x: f32[T]) { y = add(x, 1.0) return y }",
  maxima: { readonly T?: number } = { T: 8 },
): Plan => compileEntries("small", [{ name: "run", graph: parseGraph(text), maxima }]).plan;

const refused = async (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "nothing was refused",
    (error: Error) => error.message,
  );

gpuTest("refuses a plan of another format version", async (gpu) => {
  const message = await refused(Executor.create(gpu, { ...plan(), version: PLAN_VERSION + 1 }));
  assert.match(message, `version ${PLAN_VERSION + 1}, but this runtime reads ${PLAN_VERSION}`);
});

gpuTest("refuses a feature and a limit that the adapter lacks, naming both sides", async (gpu) => {
  assert.match(await refused(Executor.create(gpu, { ...plan(), requiredFeatures: ["telepathy"] })), "needs telepathy");
  const huge = { ...plan(), requiredLimits: { maxStorageBufferBindingSize: 2 ** 50 } };
  assert.match(
    await refused(Executor.create(gpu, huge)),
    /needs maxStorageBufferBindingSize 1125899906842624, but .* offers/,
  );
});

gpuTest("refuses bytes beyond a buffer's end", async (gpu) => {
  const executor = await Executor.create(gpu, plan());
  executor.write("x", new Float32Array(8));
  assert.throws(
    () => executor.write("x", new Float32Array(9)),
    /buffer x: has 32 bytes, but 36 are written from byte 0 on/,
  );
  assert.throws(() => executor.write("x", new Float32Array(8), 4), /32 are written from byte 4 on/);
  executor.destroy();
});

gpuTest("refuses more tokens than the plan is made for, and numbers of tokens that are none", async (gpu) => {
  const executor = await Executor.create(gpu, plan());
  assert.throws(() => executor.run("run", { T: 9 }), /T is 9, but the plan is made for 8 at most/);
  for (const T of [0, -1, 1.5, Number.NaN])
    assert.throws(() => executor.run("run", { T }), /but it must be a whole number from 1 on/);
  assert.throws(
    () => executor.run("run", {}),
    /T is not given, but the plan's sizes depend on it\nhint: give `\{ T: … \}`/,
  );
  executor.destroy();
});

gpuTest("refuses a dispatch that WebGPU has no axis for, naming the value", async (gpu) => {
  const { kernels, entries, ...made } = plan();
  const tall = entries.map((e) => ({
    ...e,
    steps: e.steps.map((s) => ({ ...s, workgroups: [[], [{ dim: 70_000, per: 1 }], []] as const })),
  }));
  await rejects(
    Executor.create(gpu, { ...made, kernels, entries: tall }),
    /small\.run y: needs 1 × 70000 × 1 workgroups, but a dispatch has 65535/,
  );
  // Where a symbol decides, it shows with the call.
  const wide = entries.map((e) => ({
    ...e,
    steps: e.steps.map((s) => ({
      ...s,
      workgroups: [[], [{ dim: [[10_000, "T"]], per: 1 }], []] as const,
    })),
  }));
  const executor = await Executor.create(gpu, { ...made, kernels, entries: wide });
  executor.run("run", { T: 6 });
  assert.throws(() => executor.run("run", { T: 7 }), /needs 1 × 70000 × 1 workgroups/);
  executor.destroy();
});

gpuTest("asks of a call the symbols of its own entry point only", async (gpu) => {
  const entry = (name: string, symbol: string) => ({
    name,
    graph: parseGraph(
      `graph g[${symbol}](x.${name}: f32[${symbol}]) { y.${name} = add(x.${name}, 1.0) return y.${name} }`,
    ),
    maxima: { [symbol]: 4 },
  });
  const { plan: both } = compileEntries("g", [entry("a", "rows"), entry("b", "columns")]);
  assert.equal(
    both.entries.map((e) => e.symbols),
    [["rows"], ["columns"]],
  );
  const executor = await Executor.create(gpu, both);
  for (const [name, symbols] of [
    ["b", { columns: 3 }],
    ["a", { rows: 2 }],
  ] as const) {
    executor.write(`x.${name}`, Float32Array.of(1, 2, 3, 4));
    executor.run(name, symbols);
    const [y] = executor.entry(name).outputs;
    if (!y) throw new Error("no output");
    assert.equal([...(await executor.read(y, symbols))], [2, 3, 4].slice(0, Object.values(symbols)[0]));
  }
  assert.throws(() => executor.run("a", { columns: 3 }), /g\.a: rows is not given/);
  executor.destroy();
});

gpuTest("gives each call its own symbols, whether their rows were made before or not", async (gpu) => {
  const text = "graph g[T, P>=0](x: f32[1]) { a = iota(start=P, length=T) f = cast(a, to=f32) y = add(f, x) return y }";
  const { plan: rows } = compileEntries("g", [
    { name: "fixed", graph: parseGraph(text), fixed: { T: 1 } },
    { name: "free", graph: parseGraph(text), maxima: { T: 4, P: 9 } },
    { name: "all", graph: parseGraph(text), fixed: { T: 2, P: 3 } },
  ]);
  const executor = await Executor.create(gpu, rows);
  executor.write("x", Float32Array.of(0.5));
  const [y] = executor.entry("free").outputs;
  const calls = [
    ["fixed", { P: 9 }, [9.5]],
    ["free", { T: 3, P: 2 }, [2.5, 3.5, 4.5]],
    ["fixed", { P: 0 }, [0.5]],
    ["all", {}, [3.5, 4.5]],
    ["free", { T: 1, P: 7 }, [7.5]],
  ] as const;
  // All queued before any is read.
  const read = await Promise.all(
    calls.map(([entry, symbols, want]) =>
      executor.runAndRead(entry, symbols, { buffer: y?.buffer ?? "", offset: 0, size: 4 * want.length }),
    ),
  );
  assert.equal(
    read.map((bytes) => [...new Float32Array(bytes)]),
    calls.map(([, , want]) => [...want]),
  );
  assert.throws(() => executor.run("fixed", { P: 10 }), /P is 10, but the plan is made for 9 at most/);
  assert.throws(() => executor.run("fixed", {}), /P is not given/);
  executor.destroy();
});

gpuTest("reads several outputs at once, each as it was when the read began", async (gpu) => {
  const executor = await Executor.create(
    gpu,
    plan("graph g(x: f32[T]) { a = add(x, 1.0) b = mul(x, 2.0) c = neg(x) return a, b, c }"),
  );
  const read = (x: number) => {
    executor.write("x", Float32Array.of(x));
    executor.run("run", { T: 1 });
    return executor.entry("run").outputs.map(async (output) => [...(await executor.read(output, { T: 1 }))]);
  };
  const [first, second] = [read(5), read(7)];
  assert.equal(await Promise.all([...first, ...second]), [[6], [10], [-5], [8], [14], [-7]]);
  executor.destroy();
});

gpuTest("computes what the graph says, for every number of tokens up to the largest", async (gpu) => {
  const executor = await Executor.create(gpu, plan());
  const output = executor.entry("run").outputs[0];
  assert.ok(output);
  for (const T of [1, 5, 8]) {
    executor.write(
      "x",
      Float32Array.from({ length: T }, (_, i) => i),
    );
    executor.run("run", { T });
    const found = output && (await executor.read(output, { T }));
    assert.equal(
      [...(found ?? [])],
      Array.from({ length: T }, (_, i) => i + 1),
    );
  }
  executor.destroy();
});

gpuTest("folds more workgroups than one axis may have into the second", async (gpu) => {
  // Eight elements a workgroup at most make 75,000 workgroups of this.
  const elements = 600_000 * 8;
  const executor = await Executor.create(gpu, plan(`graph g(x: f32[${elements}]) { y = add(x, 1.0) return y }`, {}));
  const output = executor.entry("run").outputs[0];
  executor.write("x", new Float32Array([41]), 4 * (elements - 1));
  executor.run("run", {});
  const found = output && (await executor.read(output, {}));
  assert.is(found?.[elements - 1], 42);
  assert.is(found?.[0], 1);
  executor.destroy();
});

gpuTest("names the kernel whose shader is wrong", async (gpu) => {
  const made = plan();
  const kernels = made.kernels.map((k) => ({ ...k, wgsl: k.wgsl.replace("fn main", "fn mian") }));
  assert.match(await refused(Executor.create(gpu, { ...made, kernels })), `kernel ${made.kernels[0]?.name}`);
});

gpuTest("says what is wrong with a shader and in which line, and leaves the device as it was", async (gpu) => {
  const made = plan();
  const kernels = made.kernels.map((k) => ({ ...k, wgsl: k.wgsl.replace("let index =", "let index = nothing +") }));
  assert.match(
    await refused(Executor.create(gpu, { ...made, kernels })),
    /^kernel \S+: line \d+: unresolved value 'nothing': let index = nothing \+/,
  );
  // That no error scope is left open, which would swallow later errors, `onGpu` checks.
});

gpuTest("refuses a plan that binds what it does not have", async (gpu) => {
  const { entries, ...made } = plan();
  const lost = entries.map((e) => ({
    ...e,
    steps: e.steps.map((s) => ({ ...s, bindings: s.bindings.map(() => "gone") })),
  }));
  assert.match(
    await refused(Executor.create(gpu, { ...made, entries: lost })),
    "binds buffer gone, which the plan does not",
  );
});

const SCRIPT = (last: string) => `
  const { openDawn } = await import(${JSON.stringify(new URL("../../runtime/dawn.ts", import.meta.url).href)});
  const open = await openDawn();
  ${last}`;

/** The exit code of a script of its own, or "late". */
function exitOf(last: string): Promise<number | string | null> {
  const tsx = import.meta.resolve("tsx");
  const child = spawn(process.execPath, ["--import", tsx, "--input-type=module", "-e", SCRIPT(last)], {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    stdio: "ignore",
  });
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      resolve("late");
    }, 30_000);
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve(code);
    });
  });
}

skipUnless(
  test,
  adapter,
  "no Vulkan adapter",
)("lets the process end by itself once the device is closed", async () => {
  assert.is(await exitOf("open.close();"), 0);
});

skipUnless(
  test,
  adapter,
  "no Vulkan adapter",
)("lets the process end after an error, with an exit code that says so", async () => {
  assert.is(await exitOf("try { throw new Error('no'); } finally { open.close(); }"), 1);
});

test.run();
