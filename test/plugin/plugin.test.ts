// Plugins as a user writes them: each compiled in a graph of its own, run, and compared with the interpreter.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadToolkit } from "../../cli/plugins.ts";
import { compileEntries, extend, standard, type Toolkit } from "../../codegen/compile.ts";
import { at } from "../../ir/errors.ts";
import { parseGraph } from "../../ir/parse.ts";
import { Explainer } from "../../passes/observers.ts";
import { ROOT } from "../../tools/run-command.mjs";
import { checkKernels, type KernelCheck } from "../codegen/kernel-check.ts";
import { onGpu } from "../support/gpu.ts";
import { graphOfOp } from "../support/run-op.ts";
import addUnitNorm from "./add-unit-norm.ts";
import squareGemv from "./square-gemv.ts";
import unitNorm from "./unit-norm.ts";

const test = suite("plugin");
const gpuTest = onGpu(test);

const withNorm = extend(standard, unitNorm);
const withBoth = extend(withNorm, addUnitNorm);
const withGemv = extend(standard, squareGemv);

/** The kernels of the graph, and what the rules said. */
function compile(text: string, toolkit: Toolkit, disable: readonly string[] = []) {
  const explainer = new Explainer();
  const entries = [{ name: "run", graph: parseGraph(text, toolkit), maxima: { T: 5 } }];
  const options = { toolkit, disable, observe: () => [explainer] };
  const { plan } = compileEntries("g", entries, options);
  return { kernels: plan.entries[0]?.steps.map((s) => s.kernel), reports: explainer.reports };
}

const UNIT = `squares = mul(h, h)
  power = reduce_sum(squares)
  power_eps = add(power, 0.00001)
  root = rsqrt(power_eps)
  row = mul(h, root)
  n = mul(row, g)`;
const NORM = `graph norm(h: f32[T, 48], g: f32[48]) {
  ${UNIT}
  return n
}`;
/** The sum is read by what comes later, as a decoder's residual is. */
const RESIDUAL = `graph residual(x: f32[T, 48], r: f32[T, 48], g: f32[48], w: f32[48, 8]) {
  h = add(x, r)
  ${UNIT}
  y = matmul(n, w)
  later = mul(h, 0.5)
  return y, later
}`;
/** Both results have an epilogue; only one is read; both are returned. */
const RESULTS = ["y = tanh(n)\n  z = mul(h, 0.5)\n  return y, z", "y = tanh(n)\n  return y", "return h, n"];
const gemv = (width: number): string => `graph gemv(x: f32[1, 128], w: f32[128, ${width}], b: f32[${width}]) {
  m = matmul(x, w)
  s = add(m, b)
  y = mul(s, 0.5)
  return y
}`;

test("an op is found by a plugin's pass, and computed by its kernel", () => {
  const { kernels, reports } = compile(NORM, withNorm);
  assert.equal(kernels, ["unit_norm_rows.48"]);
  assert.equal(
    reports.filter((r) => r.pass === "fuse-unit-norm"),
    [{ pass: "fuse-unit-norm", rule: "scaled-row", site: "n" }],
  );
  assert.is(compile(NORM, standard).kernels?.length, 2);
});

test("a fusion has two results, each read by a kernel of its own", () => {
  const { kernels, reports } = compile(RESIDUAL, withBoth);
  assert.equal(kernels, ["add_unit_norm_rows.mul.48", "matmul_naive.48x8"]);
  assert.equal(
    reports.filter((r) => r.pass === "fuse-add-unit-norm"),
    [{ pass: "fuse-add-unit-norm", rule: "norm-of-sum", site: "n" }],
  );
});

test("one of wgpt's own kernels is replaced for one shape, and stays for others", () => {
  assert.equal(compile(gemv(128), withGemv).kernels, ["square_gemv.add.mul.128"]);
  assert.equal(compile(gemv(132), withGemv).kernels, compile(gemv(132), standard).kernels);
});

test("explain names the refusals of a plugin's rules and kernels", () => {
  const said = ({ reports }: ReturnType<typeof compile>, pass: string) =>
    reports.flatMap((r) => (r.pass === pass && r.refusal ? [`${r.rule} ${r.site}: ${r.refusal.facts}`] : []));
  const cubed = NORM.replace("mul(h, h)", "pow(h, 3.0)");
  assert.equal(said(compile(cubed, withNorm), "fuse-unit-norm"), [
    "scaled-row n: n is mul(row, g), not x · 1/√(Σx² + eps) · gain",
  ]);
  const computed = gemv(128).replace("m = matmul(x, w)", "e = exp(x)\n  m = matmul(e, w)");
  assert.match(
    said(compile(computed, withGemv), "fuse-pointwise").join(),
    /prologue e: square_gemv would not take it: the row is computed on the way in/,
  );
});

const ROWS: KernelCheck = { runs: [{ T: 1 }, { T: 5 }], terms: 48 };
const RUNS: readonly (readonly [name: string, text: string, toolkit: Toolkit, check: KernelCheck])[] = [
  ["a unit norm", NORM, withNorm, ROWS],
  ["a sum and its unit norm", RESIDUAL, withBoth, { ...ROWS, terms: 96 }],
  ...RESULTS.map((end, i): (typeof RUNS)[number] => [
    `a sum and its unit norm, read in way ${i + 1}`,
    RESIDUAL.replace(/ {2}y = matmul[\s\S]*$/, `  ${end}\n}`),
    withBoth,
    { ...ROWS, ulps: 32 },
  ]),
  ["what a kernel for one shape computes", gemv(128), withGemv, { terms: 128 }],
];
for (const [name, text, toolkit, check] of RUNS)
  gpuTest(`${name}: each kernel gives the interpreter's numbers`, (gpu) =>
    checkKernels(gpu, text, { ...check, toolkit }),
  );

for (const plugin of [unitNorm, addUnitNorm])
  for (const op of plugin.ops)
    gpuTest(`${op.name}: each kernel gives the reference's numbers on the op's cases`, async (gpu) => {
      for (const { types, attrs } of op.cases)
        await checkKernels(gpu, graphOfOp(op, types, attrs), { toolkit: withBoth, terms: 64 });
    });

test("a pass of a plugin can be left out by name, and its kernels are tried before ours", () => {
  assert.is(compile(NORM, withNorm, ["fuse-unit-norm"]).kernels?.length, 2);
  const names = withBoth.kernels.map((k) => k.name);
  assert.equal(names.slice(-2), ["unit_norm_rows", "add_unit_norm_rows"]);
  assert.equal(
    withBoth.passes.map((p) => p.name).filter((name) => /norm/.test(name)),
    ["fuse-layer-norm", "fuse-unit-norm", "fuse-add-unit-norm", "fuse-rms-norm"],
  );
  assert.is(at(standard.kernels, -1).name, "matmul_parts_stream_normalized", "ours are what they were");
});

test("CONTRIBUTING's plugin does what the page says, as it is printed", async () => {
  const page = readFileSync(join(ROOT, "CONTRIBUTING.md"), "utf8");
  const [, text = ""] = /^## Writing a plugin\n[\s\S]*?^```ts\n([\s\S]*?)^```$/m.exec(page) ?? [];
  const folder = mkdtempSync(join(tmpdir(), "wgpt-page-"));
  try {
    writeFileSync(join(folder, "plugin.ts"), text);
    const toolkit = await loadToolkit([join(folder, "plugin.ts")]);
    const { kernels, reports } = compile("graph g(x: f32[T, 4]) { t = tanh(x) y = mul(t, x) return y }", toolkit);
    assert.equal(kernels, ["pointwise.self_gate.4"]);
    assert.equal(
      reports.filter((r) => r.pass === "fuse-self-gate"),
      [{ pass: "fuse-self-gate", rule: "product-with-tanh", site: "y" }],
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.run();
