// Who makes and who reads each value, and graphs without what nothing needs.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { at } from "../../ir/errors.ts";
import { type Graph, indexGraph, withoutDeadNodes } from "../../ir/graph.ts";
import { parseGraph } from "../../ir/parse.ts";
import { printGraph } from "../../ir/print.ts";
import type { Value } from "../../ir/value.ts";
import { updatedOperands } from "../../ir/verify.ts";

const test = suite("graph");

/** The value of that name. */
function valueNamed(graph: Graph, name: string): Value {
  const values = [...graph.inputs.map((input) => input.value), ...graph.nodes.flatMap((n) => n.results)];
  const found = values.find((v) => v.name === name);
  if (!found) throw new Error(`no ${name}`);
  return found;
}

const DIAMOND = parseGraph(`graph g(x: f32[4]) {
  a = neg(x)
  b = mul(a, a)
  c = add(a, b)
  d = tanh(b)
  return c, b
}`);

test("a value has one producer, or none when it is an input", () => {
  const index = indexGraph(DIAMOND);
  assert.is(index.producer(valueNamed(DIAMOND, "b"))?.op.name, "mul");
  assert.is(index.producer(valueNamed(DIAMOND, "x")), undefined);
});

test("users come once each, in order", () => {
  const users = (name: string) =>
    indexGraph(DIAMOND)
      .users(valueNamed(DIAMOND, name))
      .map((n) => n.op.name);
  assert.equal(users("a"), ["mul", "add"]);
  assert.equal(users("b"), ["add", "tanh"]);
  assert.equal(users("c"), []);
});

test("private is what one node reads and the graph does not return", () => {
  const isPrivate = (name: string) => indexGraph(DIAMOND).isPrivate(valueNamed(DIAMOND, name));
  assert.ok(isPrivate("x"));
  assert.not(isPrivate("a"));
  assert.not(isPrivate("c"));
  const returned = parseGraph("graph g(x: f32[4]) { a = neg(x) b = neg(a) return a, b }");
  assert.not(indexGraph(returned).isPrivate(valueNamed(returned, "a")));
});

test("an index is made once for a graph", () => {
  assert.is(indexGraph(DIAMOND), indexGraph(DIAMOND));
  assert.is.not(indexGraph({ ...DIAMOND }), indexGraph(DIAMOND));
});

test("without dead nodes, what nothing needs is gone, and what only that needed too", () => {
  const graph = parseGraph(`graph g(x: f32[4]) {
    a = neg(x)
    b = mul(a, a)
    c, d = split(x, sizes=[1, 3])
    e = tanh(b)
    return d
  }`);
  const kept = withoutDeadNodes(graph);
  assert.equal(
    kept.nodes.map((n) => n.op.name),
    ["split"],
  );
  assert.is(withoutDeadNodes(kept), kept);
  assert.match(printGraph(kept), "return d");
});

test("a region updates the operands that its body updates", () => {
  const graph = parseGraph(`graph g(r: f32[1, 2], c: f32[4, 2]) {
    k = fused pointwise(r, c) {
      n = neg(r)
      u = cache_update(c, n, start=0)
      return u
    }
    return k
  }`);
  assert.equal(
    updatedOperands(at(graph.nodes, 0)).map((v) => v.name),
    ["c"],
  );
});

test.run();
