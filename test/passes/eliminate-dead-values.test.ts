import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseGraph } from "../../ir/parse.ts";
import { eliminateDeadValues } from "../../passes/eliminate-dead-values.ts";
import { expectPass, expectUnchanged } from "../support/expect-pass.ts";

const test = suite("eliminate-dead-values");

test("drops a chain that nothing reads", () => {
  expectPass(
    eliminateDeadValues,
    "graph g(x: f32[4]) { a = tanh(x) b = neg(a) c = exp(b) y = neg(x) return y }",
    "graph g(x: f32[4]) { y = neg(x) return y }",
  );
});

test("keeps a node of which one result is read", () => {
  expectUnchanged(eliminateDeadValues, "graph g(x: f32[4]) { a, b = split(x, sizes=[1, 3]) y = tanh(b) return y }");
});

test("keeps an update that is returned, and drops one that is not", () => {
  expectPass(
    eliminateDeadValues,
    `graph g(state k: f32[4, 2], state v: f32[4, 2], r: f32[1, 2]) {
      a = cache_update(k, r, start=0)
      b = cache_update(v, r, start=0)
      return a
    }`,
    "graph g(state k: f32[4, 2], state v: f32[4, 2], r: f32[1, 2]) { a = cache_update(k, r, start=0) return a }",
  );
});

test("keeps every input: they are how the graph is called", () => {
  expectUnchanged(eliminateDeadValues, "graph g(x: f32[4], unread: f32[7]) { y = tanh(x) return y }");
});

test("gives the graph itself back where nothing is dead", () => {
  const graph = parseGraph("graph g(x: f32[4]) { y = tanh(x) return y }");
  assert.is(eliminateDeadValues.run(graph), graph);
});

test.run();
