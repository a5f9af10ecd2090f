// Nodes that are computed in more steps than one: the same numbers whatever is chosen, and chosen where a machine gains by it.
import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileEntries } from "../../codegen/compile.ts";
import { compileGpt2 } from "../../codegen/compile-gpt2.ts";
import { targetByName } from "../../codegen/target.ts";
import { at } from "../../ir/errors.ts";
import type { Graph } from "../../ir/graph.ts";
import { interpret } from "../../ir/interpret.ts";
import { PRESETS } from "../../ir/models/gpt2/config.ts";
import { defineOp } from "../../ir/op.ts";
import { OPS, reduceSum, reshape } from "../../ir/ops/index.ts";
import { parseGraph } from "../../ir/parse.ts";
import { printGraph } from "../../ir/print.ts";
import type { SymbolValues } from "../../ir/type.ts";
import { verify } from "../../ir/verify.ts";
import { chooseSteps } from "../../passes/choose-steps.ts";
import { defaultPolicy } from "../../passes/fuse-pointwise.ts";
import { runPasses } from "../../passes/pass.ts";
import { pipeline } from "../../passes/pipeline.ts";
import { withOps } from "../support/own-ops.ts";
import { graphOfOp, seededOperands } from "../support/run-op.ts";
import { assertClose, seededTensor } from "../support/tensors.ts";
import { expectSaysNo } from "./expect-report.ts";
import { entryPoints, tinyGpt2 } from "./gpt2-variants.ts";
import { randomNetwork } from "./random-network.ts";

const test = suite("choose-steps");

// Both sides run in f64: sums in another order move a few of the last of 53 bits.
const REORDERED = { rtol: 1e-9, atol: 1e-9 };

type Compare = Parameters<typeof chooseSteps>[0];

/** Takes the way of that number, or the last there is. */
const always =
  (way: number): Compare =>
  (_question, _node, ways) => {
    const count = [...ways()].length;
    return {
      seconds: Array.from({ length: count + 1 }, () => 1),
      ...(count > 0 && { chosen: Math.min(way, count - 1) }),
    };
  };

function expectSame(graph: Graph, made: Graph, symbols: SymbolValues, label: string): void {
  verify(made);
  const inputs = new Map(graph.inputs.map(({ value }, i) => [value.name, seededTensor(value.type, symbols, i + 1)]));
  const wanted = interpret(graph, inputs, symbols);
  interpret(made, inputs, symbols).forEach((tensor, i) => {
    assertClose(tensor, at(wanted, i), REORDERED, `${label}: ${at(graph.results, i).name}`);
  });
}

const countOf = (graph: Graph, op: string): number =>
  graph.nodes.filter((n) => (n.body?.nodes ?? [n]).some((inner) => inner.op.name === op)).length;

test("every op that says how it is computed in parts gives the same so", () => {
  const splitting = OPS.filter((op) => op.split);
  assert.ok(splitting.length >= 2);
  for (const op of splitting)
    for (const opCase of op.cases)
      for (let way = 0; way < 6; way++) {
        const graph = graphOfOp(op, opCase.types, opCase.attrs);
        const made = chooseSteps(always(way)).run(graph);
        verify(made);
        const operands = new Map(seededOperands(opCase, op.operands).map((t, i) => [`x${i}`, t]));
        const wanted = interpret(graph, operands, {});
        interpret(made, operands, {}).forEach((tensor, i) => {
          assertClose(tensor, at(wanted, i), REORDERED, `${op.name} ${opCase.types.join()} way ${way}`);
        });
      }
});

test("whole regions: what comes before goes along with the parts, what follows with their sum", () => {
  const graph = parseGraph(`graph g(x: f32[1, 8], r: f32[1, 6], g: f32[8], c: f32[8], w: f32[8, 6], b: f32[6]) {
    y, z = fused matmul(x, g, c, w, b, r) {
      n = layer_norm(x, g, c)
      m = matmul(n, w)
      s = add(m, b)
      y = add(s, r)
      z = tanh(s)
      return y, z
    }
    return y, z
  }`);
  const parts = chooseSteps((question, ...asked) =>
    question === "in-parts" ? always(1)(question, ...asked) : { seconds: [] },
  ).run(graph);
  assert.equal(
    parts.nodes.map((n) => n.anchor && (typeof n.anchor === "string" ? n.anchor : n.anchor.name)),
    ["matmul_parts", "reduce_sum"],
  );
  assert.equal(parts.nodes.map((n) => n.results.map((r) => r.name)).at(-1), ["y", "z"]);
  expectSame(graph, parts, {}, "in parts");
  const both = chooseSteps(always(0)).run(graph);
  assert.equal([countOf(both, "layer_norm"), countOf(both, "matmul_parts"), both.nodes.length], [1, 1, 3]);
  expectSame(graph, both, {}, "after its norm, and in parts");
});

test("a region whose values are called as parts would be", () => {
  const graph = parseGraph(`graph g(x: f32[1, 8], w: f32[8, 8]) {
    y, y.0 = fused matmul(x, w) {
      m.part0 = neg(x)
      m = matmul(m.part0, w)
      m.part1 = add(m, x)
      return m.part1, m
    }
    return y, y.0
  }`);
  const made = chooseSteps(always(1)).run(graph);
  assert.is(countOf(made, "matmul_parts"), 1);
  expectSame(graph, made, {}, "in parts");
});

test("what moves elements in an op's parts goes along with a step, and a split that fails names its op", () => {
  let fails = false;
  const blocks = defineOp({
    name: "sum_of_row",
    summary: "the sum of a row",
    operands: ["x"],
    traits: { anchor: true },
    cases: [{ types: ["f32[2, 8]"] }],
    infer: ([x]) => ({ ...x, shape: x.shape.slice(0, 1) }),
    decompose: (emit, [x]) => emit(reduceSum, [x], { keepdims: false }),
    split(emit, [x], _attrs, parts) {
      if (parts > 8) return undefined;
      if (fails) throw new Error("none of mine");
      const cut = emit(reshape, [x], { shape: [2, parts, 8 / parts] });
      return emit(reduceSum, emit(reduceSum, cut, { keepdims: false }), { keepdims: false });
    },
  });
  const graph = parseGraph(
    "graph g(x: f32[2, 8]) { n = neg(x) r = sum_of_row(n) y = exp(r) return y }",
    withOps([blocks]),
  );
  const only =
    (parts: number): Compare =>
    (_question, node, ways) => {
      const offered = node.op === blocks || node.anchor === blocks ? [...ways()] : [];
      return { seconds: [1], ...(offered.length > 0 && { chosen: Math.log2(parts) - 1 }) };
    };
  const made = chooseSteps(only(4)).run(graph);
  assert.is(made.nodes.filter((n) => n.anchor === reduceSum || n.op === reduceSum).length, 2, printGraph(made));
  assert.is(countOf(made, "reshape"), 1);
  expectSame(graph, made, {}, "with a reshape among the parts");
  fails = true;
  assert.throws(() => chooseSteps(only(2)).run(graph), /sum_of_row r: .*none of mine/);
});

test("GPT-2's entry points, whatever is chosen", () => {
  for (const { name, graph, symbols } of entryPoints(tinyGpt2({ n_layer: 1 })))
    for (const way of [0, 1, 2]) {
      const policy = { ...defaultPolicy, compare: always(way) };
      const made = runPasses(graph, pipeline({ symbols, policy }));
      if (symbols["T"] === 1) assert.ok(countOf(made, "attention_merge") === 1, name);
      expectSame(graph, made, { T: 3, P: 2, ...symbols }, `${name}, way ${way}`);
    }
});

test("random networks, whatever is chosen", () => {
  let fired = 0;
  for (const graph of fc.sample(randomNetwork(8), { numRuns: 60, seed: 3 }))
    for (const way of [0, 2]) {
      const count: Compare = (...asked) => {
        const made = always(way)(...asked);
        if (made.chosen !== undefined) fired++;
        return made;
      };
      const made = runPasses(graph, pipeline({ policy: { ...defaultPolicy, compare: count } }));
      expectSame(graph, made, { B: 2, T: 3, P: 2 }, `way ${way} of ${printGraph(graph)}`);
    }
  assert.ok(fired > 20, `${fired} cuts`);
});

test("says what the ways are predicted to take", () => {
  const graph = "graph g(x: f32[1, 8], w: f32[8, 6]) { y = matmul(x, w) return y }";
  const says = (seconds: readonly number[], facts: string) =>
    expectSaysNo(
      chooseSteps(() => ({ seconds })),
      graph,
      { site: "y", predicate: "is-faster", facts },
    );
  says([2e-6], "y is predicted to take 2.00 µs, near the least that it can");
  says([2e-6, 3e-6, 2.5e-6], "y is predicted to take 2.00 µs, and 2.50 µs in 4 parts");
  says(
    [2e-6, Number.POSITIVE_INFINITY],
    "y is predicted to take 2.00 µs, and no kernel that says what it does computes it otherwise",
  );
});

test("a machine of many units computes attention of few heads in parts, two cores nothing", () => {
  const config = PRESETS["gpt2"];
  assert.ok(config);
  if (!config) return;
  const stepsOf = (target: string) =>
    at(
      compileGpt2(config, { target: targetByName(target), weights: "f16", entries: ["decode"] }).plan.entries,
      0,
    ).steps.map((s) => s.kernel.split(".")[0]);
  assert.ok(stepsOf("h100").includes("attention_parts"));
  assert.not.ok(stepsOf("lavapipe").some((k) => /parts|merge/.test(k ?? "")));
});

test("no step has more buffers than the target binds", () => {
  const target = targetByName("webgpu-default");
  const others = [0, 1, 2, 3, 4];
  const graph =
    parseGraph(`graph g(q: f32[1, 64], kv: f32[4096, 64], ${others.map((i) => `r${i}: f32[1, 64]`).join(", ")}) {
    a = scaled_dot_product_attention(q, kv, kv, n_head=1, length=4000, scale=0.125, mask_value=-inf)
    s = add(a, q)
    ${others.map((i) => `s${i} = add(${i === 0 ? "s" : `s${i - 1}`}, r${i})`).join("\n")}
    return s4
  }`);
  const { plan } = compileEntries("g", [{ name: "run", graph, maxima: {} }], { target });
  const most = Math.max(...at(plan.entries, 0).steps.map((s) => s.bindings.length));
  assert.ok(most <= target.limits.maxStorageBuffersPerShaderStage, `${most} buffers`);
});

test.run();
