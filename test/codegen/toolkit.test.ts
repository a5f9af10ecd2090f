// The compiler as a value: where a plugin's passes stand, whose kernels are asked first, and what becomes of ops that no kernel
// takes.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { definePlugin, extend, standard } from "../../codegen/compile.ts";
import { attr } from "../../ir/attr.ts";
import { at } from "../../ir/errors.ts";
import { defineOp, type Emit, type Op } from "../../ir/op.ts";
import { add, matmul, mul, slice } from "../../ir/ops/index.ts";
import { parseGraph } from "../../ir/parse.ts";
import type { Value } from "../../ir/value.ts";
import { mergeRegion } from "../../passes/region.ts";
import { applyRules, type Rule } from "../../passes/rule.ts";
import { onGpu } from "../support/gpu.ts";
import { compileWith, kernelOf, made, passOf, productRule, storing, TEXT } from "../support/plugin-parts.ts";
import { checkKernels } from "./kernel-check.ts";

const test = suite("toolkit");
const gpuTest = onGpu(test);
const named = { name: "p" };

test("places passes before and after others, those of one place in the order of the plugin", () => {
  const passes = [
    { pass: passOf("a"), after: "fuse-gelu" },
    { pass: passOf("b"), after: "fuse-gelu" },
    { pass: passOf("c"), before: "fuse-gelu" },
    { pass: passOf("d"), after: "a" },
  ];
  const names = extend(standard, definePlugin({ ...named, passes })).passes.map((p) => p.name);
  assert.equal(names.slice(names.indexOf("c"), names.indexOf("fuse-linear")), ["c", "fuse-gelu", "a", "d", "b"]);
});

test("leaves the toolkit that it extends as it was", () => {
  const before = standard.kernels.length;
  const extended = extend(standard, definePlugin({ ...named, kernels: [kernelOf("k", matmul)] }));
  assert.is(standard.kernels.length, before);
  assert.equal(extended.plugins, ["p"]);
  assert.equal(standard.plugins, []);
});

test("an op that no kernel takes is computed as what it is made of, and its pieces join the kernels beside them", () => {
  const { kernels, reports } = compileWith({ ...named, ops: [made("mine")] });
  assert.equal(kernels, ["pointwise.mul.tanh.4"]);
  assert.equal(
    reports.filter((r) => r.pass === "expand-untaken"),
    [{ pass: "expand-untaken", rule: "expand", site: "y" }],
  );
});

test("an op that a kernel takes is left to it, and expanded where that refuses", () => {
  const mine = made("mine");
  const kernel = kernelOf("k", mine, {
    lower: storing,
    refuses: ({ anchor }) => (anchor?.results[0]?.type.shape[0] === 4 ? undefined : "it computes four"),
  });
  const plugin = { ...named, ops: [mine], kernels: [kernel] };
  assert.equal(compileWith(plugin).kernels, ["pointwise.mul.4", "k.mine.4"]);
  assert.equal(compileWith(plugin, TEXT.replace("[4]", "[5]")).kernels, ["pointwise.mul.tanh.5"]);
});

const pair = defineOp({
  name: "pair",
  summary: "twice of one, in two halves, by ops that are made of others themselves",
  operands: ["x"],
  attrs: { start: attr.dim(0) },
  cases: [],
  infer: ([x]) => [
    { ...x, shape: [2, 4] },
    { ...x, shape: [2, 4] },
  ],
  decompose(emit, [x], { start }) {
    const double = at(emit(twice, [x]), 0);
    return [0, 2].map((from) => at(emit(slice, [double], { axis: 0, start: from === 0 ? start : from, length: 2 }), 0));
  },
});
const twice: Op = { ...made("twice"), decompose: (emit: Emit, [x]: readonly Value[]) => emit(add, [x ?? 0, x ?? 0]) };
const around: Rule = {
  ...productRule((m) => mergeRegion(m.index, twice, [m.node, at(m.index.users(m.site), 0)])),
  sites: (node, index) => (node.op === mul && index.users(at(node.results, 0))[0]?.op === twice ? node.results : []),
};
const toolkit = extend(
  standard,
  definePlugin({
    ...named,
    ops: [pair, twice],
    passes: [
      { pass: passOf("a", { role: "fuse", run: (g, report) => applyRules(g, [around], report) }), after: "fuse-gelu" },
    ],
  }),
);
gpuTest(
  "several results, ops that are made of such ops, and regions that no kernel takes give the same numbers",
  async (gpu) => {
    for (const source of [
      "graph g(x: f32[4, 4]) { a, b = pair(x) c = mul(a, b) return a, c }",
      "graph g(x: f32[4, 4]) { a = mul(x, x) y = twice(a) z = tanh(y) return z }",
      "graph g(x: f32[T, 8], w: f32[8, 4]) { m = matmul(x, w) y = twice(m) z = tanh(y) return y, z }",
    ])
      await checkKernels(gpu, source, { toolkit, runs: [{ T: 3 }], terms: 8, ulps: 32 });
  },
);

test("a graph's text may name the toolkit's ops", () => {
  assert.is(at(parseGraph("graph g(x: f32[4]) { y = twice(x) return y }", toolkit).nodes, 0).op, twice);
  assert.throws(() => parseGraph("graph g(x: f32[4]) { y = twice(x) return y }", standard), /twice is no op/);
});

test.run();
