// Names of new nodes: the value that is replaced keeps its name, what stands before it gets a number behind it.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { at } from "../../ir/errors.ts";
import { indexGraph } from "../../ir/graph.ts";
import { add, exp, neg, tanh } from "../../ir/ops/index.ts";
import { parseGraph } from "../../ir/parse.ts";
import { Emitter } from "../../passes/emit.ts";

const test = suite("emit");

function emitterFor(text: string, name: string) {
  const graph = parseGraph(text);
  const node = at(
    graph.nodes.filter((n) => n.results.some((r) => r.name === name)),
    0,
  );
  return {
    node,
    x: at(graph.inputs, 0).value,
    old: at(node.results, 0),
    emitter: new Emitter(indexGraph(graph), at(node.results, 0)),
  };
}

test("gives the last node the old name, and those before it numbers", () => {
  const { node, old, x, emitter } = emitterFor("graph g(x: f32[4]) { y = neg(x) return y }", "y");
  const fresh = emitter.op(add, [emitter.op(tanh, [emitter.op(exp, [x])]), x]);
  const { insert, values } = emitter.replace([node], fresh);
  assert.equal(
    insert.map((n) => at(n.results, 0).name),
    ["y.0", "y.1", "y"],
  );
  assert.is(values.get(old), at(at(insert, -1).results, 0));
});

test("goes around every name that the graph has", () => {
  const { node, x, emitter } = emitterFor(
    "graph g(x: f32[4], y.1: f32[4]) { y.0 = neg(y.1) y = add(x, y.0) return y }",
    "y",
  );
  const fresh = emitter.op(add, [emitter.op(tanh, [emitter.op(exp, [emitter.op(neg, [x])])]), x]);
  assert.equal(
    emitter.replace([node], fresh).insert.map((n) => at(n.results, 0).name),
    ["y.2", "y.3", "y.4", "y"],
  );
});

test("keeps the names of both where a value that was there takes over", () => {
  const { node, old, x, emitter } = emitterFor("graph g(x: f32[4]) { y = neg(x) return y }", "y");
  const { insert, values } = emitter.replace([node], x);
  assert.equal(insert, []);
  assert.is(values.get(old), x);
});

test("takes a number for an f32 literal", () => {
  const { x, emitter } = emitterFor("graph g(x: f32[4]) { y = neg(x) return y }", "y");
  assert.is(emitter.op(add, [x, 1.5]).name, "y.0");
});

test.run();
