// Text and back: what prints is read as the same graph, and prints the same again.
import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { GraphBuilder } from "../../ir/builder.ts";
import { at } from "../../ir/errors.ts";
import { fusedNode } from "../../ir/fused.ts";
import type { Graph } from "../../ir/graph.ts";
import { interpret } from "../../ir/interpret.ts";
import { expand, matmul, neg, OPS, tanh } from "../../ir/ops/index.ts";
import { parseGraph, parseType } from "../../ir/parse.ts";
import { printGraph } from "../../ir/print.ts";
import { printNumber } from "../../ir/print-literal.ts";
import { type DType, printType } from "../../ir/type.ts";
import { verify } from "../../ir/verify.ts";
import { RANDOM_SYMBOLS, randomGraph } from "../support/random-graph.ts";
import { assertSameGraph } from "../support/same-graph.ts";
import { maxDifference, seededTensor } from "../support/tensors.ts";

const test = suite("parse and print");

test("a graph of inputs, attributes, literals and several results comes back as it was", () => {
  const graph = expectRoundTrip(`
    graph mlp[T, P>=0](h: f32[T, 12], weight w: f32[12, 3], state k: f32[9, 12]) {
      a, b, c = split(h, sizes=[4, 4, 4]) : f32[T, 4], f32[T, 4], f32[T, 4]
      s = add(a, 0.5) : f32[T, 4]
      g = gelu(s, approximate=none) : f32[T, 4]
      m = matmul(h, w) : f32[T, 3]
      k2 = cache_update(k, h, start=P) : f32[9, 12]
      r = reduce_max(m, axis=0, keepdims=false) : f32[3]
      i = cast(r, to=i32) : i32[3]
      return g, k2, i, b
    }`);
  assert.equal(
    graph.inputs.map((input) => input.kind),
    ["input", "weight", "state"],
  );
});

test("the text is the one the design shows, down to the spaces", () => {
  const text = `graph mlp(h: f32[T, 1600], w: f32[1600, 6400], b: f32[6400]) {
  m = matmul(h, w) : f32[T, 6400]
  s = add(m, b) : f32[T, 6400]
  y = gelu(s) : f32[T, 6400]
  return y
}
`;
  assert.is(printGraph(parseGraph(text)), text);
});

test("types may be left out, comments and line breaks stand anywhere", () => {
  const plain = parseGraph("graph g(x: f32[2]) { y = neg(x) : f32[2] return y }");
  const loose = parseGraph("# a graph\ngraph g(\n  x: f32[2] # its input\n) { y = neg(\nx) return y }");
  assert.is(printGraph(loose), printGraph(plain));
});

test("a long head prints one input a line", () => {
  const inputs = Array.from({ length: 9 }, (_, i) => `weight h.${i}.attn.c_attn.weight: f32[4, 4]`).join(", ");
  const graph = expectRoundTrip(`graph g(${inputs}) { y = neg(h.8.attn.c_attn.weight) return y }`);
  assert.is(printGraph(graph).split("\n").length, 1 + 9 + 1 + 3 + 1);
});

for (const dim of ["T", "P", "rows", "P+T", "2T-1", "-T+5", "B+3P+2T+7", "3P-12", "-P+T", "B*T", "2B*T*T+rows-1", "0"])
  test(`the dim ${dim} comes back as it was`, () => {
    assert.is(printType(parseType(`f32[${dim}]`)), `f32[${dim}]`);
    const graph = `graph g(x: f32[${dim}]) {\n  i = iota(length=${dim}) : i32[${dim}]\n  return i\n}\n`;
    assert.is(printGraph(parseGraph(graph)), graph);
  });

test("a dim prints in one form, however it was written", () => {
  assert.is(
    printType(parseType("f32[T + P, 1+T, T - 1 + T, 2T-2T, 1 - T, 0+5, T*2*B, 3 n, 2*n]")),
    "f32[P+T, T+1, 2T-1, 0, -T+1, 5, 2B*T, 3*n, 2*n]",
  );
});

test("a graph prints its symbols where its inputs' types do not say it all", () => {
  const printed = (text: string) => printGraph(parseGraph(text)).split("\n")[0];
  assert.is(printed("graph g[T](x: f32[T]) { return x }"), "graph g(x: f32[T]) {");
  assert.is(printed("graph g[T, P>=0, B](x: f32[P, T]) { return x }"), "graph g[P>=0, T](x: f32[P, T]) {");
  assert.is(printed("graph g[n](x: f32[T]) { y = iota(length=n) return y, x }"), "graph g[T, n](x: f32[T]) {");
  // An attribute that is a word stays one, whatever the symbols are called.
  const text = "graph g[to, i32](x: f32[to]) { y = cast(x, to=i32) return y }";
  assert.throws(() => parseGraph(text), /i32 is no symbol/);
  assert.is(printed("graph g(x: f32[to]) { y = cast(x, to=i32) return y }"), "graph g(x: f32[to]) {");
});

const LITERALS: Readonly<Record<DType, readonly number[]>> = {
  f32: [0, -0, 1, 1e-5, 1e-10, -1e10, 1e21, 0.1, 5e-324, 1.7976931348623157e308, Infinity, -Infinity, NaN],
  f16: [0, -0, 0.5, 65504, 1e-7, Infinity, -Infinity, NaN],
  i32: [0, 1, -1, 2147483647, -2147483648],
  u32: [0, 1, 4294967295],
  bool: [0, 1],
};
for (const [dtype, numbers] of Object.entries(LITERALS) as [DType, readonly number[]][])
  for (const number of numbers)
    test(`the ${dtype} literal ${printNumber(number, dtype)} keeps its value and its dtype`, () => {
      const b = new GraphBuilder("g");
      const graph = b.build([b.op(expand, [b.literal(number, dtype)], { shape: [2] })]);
      const read = at(at(parseGraph(printGraph(graph)).nodes, 0).operands, 0);
      assert.ok(Object.is(read.literal, number), `${read.literal} is not ${number}`);
      assert.is(printType(read.type), `${dtype}[]`);
    });

test("an attribute that is a float keeps its value, also when it is not finite or tiny", () => {
  for (const eps of [1e-5, 1e-12, 0.1, 3, -2.5, Infinity, -Infinity]) {
    const text = printGraph(
      parseGraph(`graph g(x: f32[4]) { y = layer_norm(x, x, x, eps=${printNumber(eps, "f32")}) return y }`),
    );
    assert.is(at(parseGraph(text).nodes, 0).attrs["eps"], eps);
  }
});

test("an attribute at its default is not printed", () => {
  const text = printGraph(parseGraph("graph g(x: f32[4]) { y = reduce_sum(x, axis=-1, keepdims=true) return y }"));
  assert.match(text, "y = reduce_sum(x) : f32[1]");
});

test("inputs may be called weight, state and input, with a kind in front or not", () => {
  const graph = expectRoundTrip(`
    graph g(weight: f32[2], weight state: f32[2], state input: f32[2]) {
      y = add(weight, state) : f32[2]
      z = add(y, input) : f32[2]
      return z
    }`);
  assert.equal(
    graph.inputs.map(({ kind, value }) => `${kind} ${value.name}`),
    ["input weight", "weight state", "state input"],
  );
});

test("values may be called like ops, dtypes, symbols and words of the language", () => {
  expectRoundTrip(`
    graph graph(T: f32[T, 2], add: f32[2], f32: f32[2], fused: f32[2]) {
      neg = add(T, add) : f32[T, 2]
      weight = add(neg, f32) : f32[T, 2]
      e5 = mul(weight, fused) : f32[T, 2]
      return e5
    }`);
});

test("a graph may have no inputs, and return one value twice", () => {
  expectRoundTrip("graph g() { i = iota(length=3) : i32[3] return i, i }");
});

const REGION = `
    graph block(h: f32[T, 4], g: f32[4], c: f32[4], w: f32[4, 6], b: f32[6]) {
      y, z = fused matmul(h, g, c, w, b) {
        n = layer_norm(h, g, c, eps=1e-6) : f32[T, 4]
        m = matmul(n, w) : f32[T, 6]
        s = add(m, b) : f32[T, 6]
        r = mul(s, 2.0) : f32[T, 6]
        p, q = split(r, sizes=[2, 4]) : f32[T, 2], f32[T, 4]
        return p, q
      } : f32[T, 2], f32[T, 4]
      return y, z
    }`;

test("a fused region holds its body, with operands, literals and several results", () => {
  const node = at(expectRoundTrip(REGION).nodes, 0);
  assert.is(node.anchor, matmul);
  assert.is(node.body?.nodes.length, 5);
});

test("names inside a region are its own", () => {
  expectRoundTrip(`
    graph g(x: f32[2]) {
      y = neg(x) : f32[2]
      z = fused pointwise(x) {
        y = tanh(x) : f32[2]
        z = add(y, 1.0) : f32[2]
        return z
      } : f32[2]
      w = add(y, z) : f32[2]
      return w
    }`);
});

test("a body's own name steps aside for an operand that was renamed outside", () => {
  const body = new GraphBuilder("pointwise");
  const s = body.op(neg, [body.input("x", parseType("f32[2]"))], {}, "s");
  const result = body.op(tanh, [s], {}, "s.0");
  const outer = new GraphBuilder("g");
  const x = outer.input("s", parseType("f32[2]"));
  const graph = outer.build(outer.add(fusedNode("pointwise", [x], body.build([result]), ["y"])));
  verify(graph);
  const text = printGraph(graph);
  const read = parseGraph(text);
  verify(read);
  assertSameGraph(read, graph, "differently");
  assert.is(printGraph(read), text);
  assert.match(text, "s.0 = neg(s)");
});

test("a user's own op is read by its name, which no other op may have", () => {
  const text = "graph g(x: f32[2]) {\n  y = tanh(x) : f32[2]\n  return y\n}\n";
  const own = { ...neg, name: "tanh" };
  assert.is(at(parseGraph(text, { ops: [own] }).nodes, 0).op, own);
  assert.is(printGraph(parseGraph(text, { ops: [own] })), text);
  assert.throws(() => parseGraph(text, { ops: [...OPS, own] }), /^parseGraph: two ops are called tanh$/m);
});

test("random graphs come back as they were, and give the same numbers", () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(randomGraph(), (graph) => {
      verify(graph);
      for (const node of graph.nodes) seen.add(node.op.name);
      const text = printGraph(graph);
      const read = parseGraph(text);
      verify(read);
      assertSameGraph(read, graph, "differently");
      assert.is(printGraph(read), text);
      const inputs = new Map(
        graph.inputs.map(({ value }, i) => [value.name, seededTensor(value.type, RANDOM_SYMBOLS, i)]),
      );
      const [before, after] = [graph, read].map((g) => interpret(g, inputs, RANDOM_SYMBOLS));
      before?.forEach((tensor, i) => {
        // The same operations in the same order: not one bit may differ.
        assert.is(maxDifference(tensor, at(after ?? [], i)), 0);
      });
    }),
    { numRuns: 200, seed: 1, includeErrorInReport: true },
  );
  // The generator is worth nothing if its moves do not happen.
  for (const op of ["split", "reshape", "transpose", "reduce_sum", "matmul", "fused", "gather", "concat", "select"])
    assert.ok(seen.has(op), `no random graph held ${op}`);
});

test("takes an op for what it is whatever a graph calls its symbols", () => {
  expectRoundTrip("graph g[rows](x: f32[rows, 6]) { a, b = split(x, sizes=[2, 4]) return a, b }");
  assert.throws(
    () => parseGraph("graph g[rows](x: f32[rows, 6]) { a, b = split(x, sizes=[2, 3]) return a, b }"),
    /split a: /,
  );
});

test.run();

/** Reads, prints and reads again: the second graph is the first. */
function expectRoundTrip(text: string): Graph {
  const graph = parseGraph(text);
  verify(graph);
  const printed = printGraph(graph);
  const again = parseGraph(printed);
  verify(again);
  assertSameGraph(again, graph, "alike");
  assert.is(printGraph(again), printed);
  return graph;
}
