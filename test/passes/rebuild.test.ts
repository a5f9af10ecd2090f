// Putting a graph together again after replacements: order, renewed operands, nothing dead, or a reason why not.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { makeNode } from "../../ir/builder.ts";
import { at } from "../../ir/errors.ts";
import type { Graph, Node } from "../../ir/graph.ts";
import { add, tanh } from "../../ir/ops/index.ts";
import { parseGraph } from "../../ir/parse.ts";
import { printGraph } from "../../ir/print.ts";
import type { Value } from "../../ir/value.ts";
import { verify } from "../../ir/verify.ts";
import { rebuild, sorted } from "../../passes/rebuild.ts";

const test = suite("rebuild");

function found<X>(x: X | undefined, name: string): X {
  if (x === undefined) throw new Error(`the test's graph has no ${name}`);
  return x;
}
const nodeNamed = (graph: Graph, name: string): Node =>
  found(
    graph.nodes.find((n) => n.results.some((r) => r.name === name)),
    name,
  );
const valueNamed = (graph: Graph, name: string): Value =>
  found(
    [...graph.inputs.map((i) => i.value), ...graph.nodes.flatMap((n) => n.results)].find((v) => v.name === name),
    name,
  );

function expectGraph(graph: Graph | string, text: string): void {
  if (typeof graph === "string") throw new Error(graph);
  verify(graph);
  assert.snapshot(printGraph(graph), printGraph(parseGraph(text)));
}
/** `old` is replaced by a value that is there already. */
const alias = (graph: Graph, old: string, by: string) => ({
  remove: [nodeNamed(graph, old)],
  insert: [],
  values: new Map([[valueNamed(graph, old), valueNamed(graph, by)]]),
});

test("puts a new node where the last removed one stood, and drops what only the old ones read", () => {
  const graph = parseGraph("graph g(x: f32[4]) { a = exp(x) b = neg(a) y = add(b, x) return y }");
  const fresh = makeNode(tanh, [valueNamed(graph, "x")], {}, ["t"]);
  const replaced = {
    remove: [nodeNamed(graph, "b")],
    insert: [fresh],
    values: new Map([[valueNamed(graph, "b"), at(fresh.results, 0)]]),
  };
  expectGraph(rebuild(graph, [replaced]), "graph g(x: f32[4]) { t = tanh(x) y = add(t, x) return y }");
});

test("follows a value that is replaced by a value that is replaced", () => {
  const graph = parseGraph("graph g(x: f32[4]) { a = neg(x) b = neg(a) y = tanh(b) return y }");
  expectGraph(
    rebuild(graph, [alias(graph, "b", "a"), alias(graph, "a", "x")]),
    "graph g(x: f32[4]) { y = tanh(x) return y }",
  );
});

test("renews the graph's results", () => {
  const graph = parseGraph("graph g(x: f32[4]) { a = neg(x) b = neg(a) return b, a }");
  expectGraph(rebuild(graph, [alias(graph, "b", "x")]), "graph g(x: f32[4]) { a = neg(x) return x, a }");
});

test("restores the order where a new node reads what stands below it", () => {
  const graph = parseGraph("graph g(x: f32[4]) { a = neg(x) y = exp(a) z = tanh(x) return y, z }");
  const fresh = makeNode(add, [valueNamed(graph, "x"), valueNamed(graph, "z")], {}, ["s"]);
  const replaced = {
    remove: [nodeNamed(graph, "a")],
    insert: [fresh],
    values: new Map([[valueNamed(graph, "a"), at(fresh.results, 0)]]),
  };
  expectGraph(rebuild(graph, [replaced]), "graph g(x: f32[4]) { z = tanh(x) s = add(x, z) y = exp(s) return y, z }");
});

test("keeps the order of what stood well", () => {
  const text = "graph g(x: f32[4]) { a = neg(x) b = exp(x) c = tanh(a) d = add(b, c) return d }";
  const graph = sorted(parseGraph(text));
  expectGraph(graph, text);
});

test("puts the readers of a cache before the node that overwrites it", () => {
  const graph = parseGraph(
    "graph g(state k: f32[4, 2], r: f32[1, 2]) { a = neg(k) b = cache_update(k, r, start=0) c = exp(a) return b, c }",
  );
  expectGraph(
    sorted({ ...graph, nodes: [1, 2, 0].map((i) => at(graph.nodes, i)) }),
    "graph g(state k: f32[4, 2], r: f32[1, 2]) { a = neg(k) b = cache_update(k, r, start=0) c = exp(a) return b, c }",
  );
});

test("is not held up by what nobody needs", () => {
  // The dead node reads the cache and its successor: alive, it could stand nowhere.
  const graph = parseGraph(
    `graph g(state k: f32[4, 2], r: f32[4, 2]) {
      a = neg(k)
      b = cache_update(k, r, start=0)
      dead = add(a, b)
      return b
    }`,
  );
  expectGraph(
    rebuild(graph, [alias(graph, "a", "k")]),
    "graph g(state k: f32[4, 2], r: f32[4, 2]) { b = cache_update(k, r, start=0) return b }",
  );
});

test("says so where a reader of a cache would need what overwrites it", () => {
  const graph = parseGraph(
    "graph g(state k: f32[4, 2], r: f32[4, 2]) { a = neg(k) b = cache_update(k, r, start=0) y = add(a, b) return y }",
  );
  assert.is(rebuild(graph, [alias(graph, "a", "k")]), "b would have to be computed before itself");
});

test("says so where the graph would return what it overwrites", () => {
  const graph = parseGraph(
    "graph g(state k: f32[4, 2], r: f32[4, 2]) { a = neg(k) b = cache_update(k, r, start=0) return a, b }",
  );
  assert.is(rebuild(graph, [alias(graph, "a", "k")]), "b would overwrite k, which the graph would return");
});

test("gives a region once what it would get twice", () => {
  const graph = parseGraph(
    `graph g(x: f32[4]) {
      a = neg(x)
      b = exp(x)
      y = fused pointwise(b, a, x) {
        s = sub(b, a)
        t = mul(s, x)
        return t
      }
      return y
    }`,
  );
  expectGraph(
    rebuild(graph, [alias(graph, "a", "b")]),
    "graph g(x: f32[4]) { b = exp(x) y = fused pointwise(b, x) { s = sub(b, b) t = mul(s, x) return t } return y }",
  );
  expectGraph(
    rebuild(graph, [alias(graph, "a", "b"), alias(graph, "b", "x")]),
    "graph g(x: f32[4]) { y = fused pointwise(x) { s = sub(x, x) t = mul(s, x) return t } return y }",
  );
});

test.run();
