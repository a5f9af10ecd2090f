// `expectPass` has to fail for every way in which a pass can go wrong.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Attrs } from "../../ir/attr.ts";
import { makeNode } from "../../ir/builder.ts";
import { at } from "../../ir/errors.ts";
import type { Graph } from "../../ir/graph.ts";
import type { Op } from "../../ir/op.ts";
import { add, gelu, mul, neg, tanh } from "../../ir/ops/index.ts";
import { expectPass, expectUnchanged, type Pass } from "./expect-pass.ts";

const test = suite("expectPass");

const BEFORE = "graph g(x: f32[T, 2]) { y = add(x, x) return y }";
const AFTER = "graph g(x: f32[T, 2]) { y = mul(x, 2.0) return y }";

const pass = (run: (graph: Graph) => Graph): Pass => ({ name: "trial", summary: "does something to y", run });

/** Makes y anew by `op`, of x and what else is given. */
const remake = (graph: Graph, op: Op, rest: readonly number[], attrs: Attrs = {}): Graph => {
  const node = makeNode(op, [at(graph.inputs, 0).value, ...rest], attrs, ["y"]);
  return { ...graph, nodes: [node], results: node.results };
};

const double = pass((graph) => remake(graph, mul, [2]));

/** uvu's own `throws` lets failed assertions through. */
function expectFailure(run: () => void, message: RegExp): void {
  let failure: unknown;
  try {
    run();
  } catch (error) {
    failure = error;
  }
  assert.match(failure instanceof Error ? failure.message : "it passed", message);
}

test("accepts a pass that does what is expected of it", () => {
  expectPass(double, BEFORE, AFTER);
  expectUnchanged(double, AFTER);
});

test("refuses another graph than the one expected", () => {
  expectFailure(() => expectPass(double, BEFORE, BEFORE), /trial gives another graph/);
  expectFailure(() => expectUnchanged(double, BEFORE), /trial gives another graph/);
});

test("refuses a pass that changes the numbers, and names the value", () => {
  const triple = pass((graph) => remake(graph, mul, [3]));
  expectFailure(
    () => expectPass(triple, BEFORE, AFTER.replace("2.0", "3.0")),
    /trial changes y by more .*element \[\d, \d\] is/,
  );
});

test("refuses a pass that has something left to do", () => {
  let runs = 0;
  const restless = pass((graph) => (runs++ === 0 ? double.run(graph) : remake(graph, add, [0])));
  expectFailure(() => expectPass(restless, BEFORE, AFTER), /trial is not idempotent/);
});

test("refuses a graph that does not hold together, also before the pass", () => {
  const careless = pass((graph) => ({ ...graph, nodes: [] }));
  expectFailure(() => expectPass(careless, BEFORE, AFTER), /returns y, which it does not define \[V6\]/);
  expectFailure(() => expectUnchanged(double, "graph g() { return 1.0 }"), /\[V6\]/);
});

test("allows what a test says it may, with its reason", () => {
  const roughly = pass((graph) => remake(graph, mul, [2.001]));
  const expected = AFTER.replace("2.0", "2.001");
  const reason = "the pass rounds 2 to the thousandth above";
  expectPass(roughly, BEFORE, expected, { rtol: 1e-3, atol: 0, reason });
  expectFailure(
    () => expectPass(roughly, BEFORE, expected, { rtol: 1e-4, atol: 0, reason }),
    /rounds 2 to the thousandth/,
  );
});

test("takes graphs with a user's own ops", () => {
  const own: Op = { ...neg, name: "flip" };
  const text = "graph g(x: f32[2]) { y = flip(x) return y }";
  const nothing = pass((graph) => graph);
  expectUnchanged(nothing, text, [own]);
  expectPass(nothing, text, text, { rtol: 0, atol: 0, reason: "nothing moves" }, [own]);
});

test("counts NaN on both sides as equal numbers", () => {
  expectUnchanged(
    pass((graph) => graph),
    "graph g(x: f32[8]) { y = log(x) return y }",
  );
});

test("does not take tanh's form of GELU for the other one", () => {
  const wrong = pass((graph) => remake(graph, gelu, []));
  const before = "graph g(x: f32[T, 2]) { y = gelu(x, approximate=none) return y }";
  expectFailure(() => expectPass(wrong, before, "graph g(x: f32[T, 2]) { y = gelu(x) return y }"), /trial changes y/);
  expectFailure(
    () =>
      expectPass(
        pass((g) => remake(g, tanh, [])),
        before,
        before,
      ),
    /another graph/,
  );
});

test.run();
