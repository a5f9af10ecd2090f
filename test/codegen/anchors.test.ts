// Anchors and kernels are found by the op itself: two ops of one name are two ops, and an op may be called anything.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileEntries, definePlugin, extend, standard, type Toolkit } from "../../codegen/compile.ts";
import type { Kernel } from "../../codegen/kernel.ts";
import { matmulNaive } from "../../codegen/kernels/matmul-naive.ts";
import { selectKernel } from "../../codegen/select-kernel.ts";
import { targetByName } from "../../codegen/target.ts";
import { definePointwise } from "../../ir/define-pointwise.ts";
import { at } from "../../ir/errors.ts";
import { fusedNode } from "../../ir/fused.ts";
import type { Graph, Node } from "../../ir/graph.ts";
import type { Op } from "../../ir/op.ts";
import { matmul } from "../../ir/ops/index.ts";
import { parseGraph } from "../../ir/parse.ts";
import { printGraph } from "../../ir/print.ts";
import { verify } from "../../ir/verify.ts";
import { onGpu } from "../support/gpu.ts";
import { withOps } from "../support/own-ops.ts";
import { kernelOf, made } from "../support/plugin-parts.ts";
import { checkKernels } from "./kernel-check.ts";

const test = suite("anchors");
const gpuTest = onGpu(test);

/** A matmul under another name, and a kernel for it. */
const product: Op = { ...matmul, name: "product" };
const productKernel: Kernel = { ...matmulNaive, name: "product_naive", kind: product };
const renamed = extend(standard, definePlugin({ name: "renamed", ops: [product], kernels: [productKernel] }));
const PRODUCT = `graph g(x: f32[T, 65], w: f32[65, 6], b: f32[6]) {
  p = product(x, w)
  s = add(p, b)
  m = tanh(s)
  return m
}`;

const kernelsOf = (graph: Graph, toolkit: Toolkit): readonly string[] =>
  compileEntries("g", [{ name: "run", graph, maxima: { T: 3 } }], { toolkit }).plan.kernels.map((k) => k.name);

test("a kernel computes an op under whatever name that has", () => {
  assert.equal(kernelsOf(parseGraph(PRODUCT, renamed), renamed), ["product_naive.add.tanh.65x6"]);
});

gpuTest("a renamed op's region gives the interpreter's numbers", (gpu) =>
  checkKernels(gpu, PRODUCT, { toolkit: renamed, runs: [{ T: 1 }, { T: 5 }], terms: 65, ulps: 16 }),
);

test("two plugins' ops of one name, in a toolkit each, are computed by the kernels of their own", () => {
  const [one, other] = [made("mine", { anchor: true }), made("mine", { anchor: true })];
  const toolkitOf = (op: Op, name: string) =>
    extend(standard, definePlugin({ name, ops: [op], kernels: [kernelOf(`${name}_kernel`, op)] }));
  const [first, second] = [toolkitOf(one, "first"), toolkitOf(other, "second")];
  const text = "graph g(x: f32[4]) { y = mine(x) return y }";
  const target = targetByName("webgpu-default");
  const node = (toolkit: Toolkit): Node => at(parseGraph(text, toolkit).nodes, 0);
  assert.is(selectKernel(node(first), target, first).kernel.name, "first_kernel");
  assert.is(selectKernel(node(second), target, second).kernel.name, "second_kernel");
  assert.throws(
    () => selectKernel(node(second), target, first),
    /mine y: no kernel computes it \(none is of its kind: another op called mine is that of first_kernel\)/,
  );
});

/** Called like one of ours, and works element by element. */
const namesake = definePointwise({
  name: "matmul",
  summary: "x + 1",
  operands: ["x"],
  accepts: ["f32"],
  scalar: ([x]) => x + 1,
  wgsl: ([x]) => `(${x} + 1.0)`,
});

test("a region keeps its anchor beside an op of the anchor's name", () => {
  const text = "graph g(x: f32[2, 3], w: f32[3, 4]) { m = matmul(x, w) y = tanh(m) return y }";
  const { inputs, nodes } = parseGraph(text);
  const [m, tanh] = [at(nodes, 0), at(nodes, 1)];
  const body: Graph = { name: "b", inputs, nodes: [m, { ...tanh, op: namesake }], results: tanh.results };
  const operands = inputs.map((i) => i.value);
  const region = fusedNode(matmul, operands, body, ["y"]);
  const graph: Graph = { name: "g", inputs, nodes: [region], results: region.results };
  verify(graph);
  const { plan } = compileEntries("g", [{ name: "run", graph }]);
  assert.equal(
    plan.kernels.map((k) => [k.name, k.summary]),
    [["matmul_stream.matmul.3x4", "matmul + matmul"]],
  );
  assert.match(at(plan.kernels, 0).wgsl, "(value + 1.0)");
  const wrong = fusedNode(namesake, operands, { ...body, nodes: [m, tanh] }, ["y"]);
  assert.throws(
    () => verify({ ...graph, nodes: [wrong], results: wrong.results }),
    /fused y: its anchor is matmul, but its body holds another op of that name \[V8\]/,
  );
});

test("the word after `fused` names one of the ops that a text may name", () => {
  const text = "graph g(x: f32[4]) { y = fused mine(x) { a = mine(x) return a } return y }";
  const mine = made("mine", { anchor: true });
  const graph = parseGraph(text, withOps([mine]));
  assert.is(at(graph.nodes, 0).anchor, mine);
  assert.match(printGraph(graph), "y = fused mine(x) {");
  assert.throws(() => parseGraph(text), /line 1, column 32: mine is no op/);
});

test.run();
