// Small trees held against values: what rules are written in.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { at } from "../../ir/errors.ts";
import { indexGraph } from "../../ir/graph.ts";
import { add, mul, reduceMean, sub, tanh } from "../../ir/ops/index.ts";
import { parseGraph } from "../../ir/parse.ts";
import {
  climb,
  describe,
  either,
  interior,
  isConstant,
  literalOf,
  matches,
  on,
  onWhere,
  overLastAxis,
  type Pattern,
} from "../../passes/pattern.ts";

const test = suite("pattern");

const parse = (statements: string) => {
  const graph = parseGraph(`graph g(x: f32[T, 4], z: f32[T, 4]) {\n${statements}\nreturn y\n}`);
  return { graph, index: indexGraph(graph), y: at(graph.results, 0) };
};

/** The captures of every way in which `y` matches, as names. */
function ways(statements: string, pattern: Pattern): readonly Readonly<Record<string, string | number>>[] {
  const { index, y } = parse(statements);
  return matches(index, y, pattern, new Map()).map((captures) =>
    Object.fromEntries([...captures].map(([k, v]) => [k, typeof v === "number" ? v : v.name])),
  );
}

test("captures operands by name", () => {
  assert.equal(ways("y = sub(x, z)", on(sub, "a", "b")), [{ a: "x", b: "z" }]);
});

test("matches a commutative op's operands in both orders", () => {
  assert.equal(ways("y = add(x, z)", on(add, "a", "b")), [
    { a: "x", b: "z" },
    { a: "z", b: "x" },
  ]);
  assert.equal(ways("a = tanh(x)\ny = add(z, a)", on(add, on(tanh, "t"), "b")), [{ t: "x", b: "z" }]);
});

test("holds a name that comes again to the value it had", () => {
  assert.is(ways("y = mul(x, x)", on(mul, "a", "a")).length > 0, true);
  assert.equal(ways("y = mul(x, z)", on(mul, "a", "a")), []);
});

test("finds the order in which a name fits that comes again", () => {
  assert.equal(ways("a = mul(x, z)\ny = sub(a, z)", on(sub, on(mul, "p", "q"), "q")), [{ p: "x", q: "z" }]);
});

test("takes numbers for literals of nearly that value, and captures literals", () => {
  assert.equal(ways("y = mul(x, 0.7978845608)", on(mul, "a", Math.sqrt(2 / Math.PI))), [{ a: "x" }]);
  assert.equal(ways("y = mul(x, 0.79)", on(mul, "a", Math.sqrt(2 / Math.PI))), []);
  assert.equal(ways("y = add(x, 0.25)", on(add, "a", literalOf("eps"))), [{ a: "x", eps: 0.25 }]);
  assert.equal(ways("y = add(x, z)", on(add, "a", literalOf("eps"))), []);
});

test("tries alternatives in order", () => {
  const square = either(on(mul, "a", "a"), on(sub, "a", "b"));
  assert.equal(ways("y = sub(x, z)", square), [{ a: "x", b: "z" }]);
});

test("asks the attributes", () => {
  const mean = onWhere(reduceMean, overLastAxis, "a");
  assert.equal(ways("y = reduce_mean(x)", mean), [{ a: "x" }]);
  assert.equal(ways("y = reduce_mean(x, axis=1)", mean), [{ a: "x" }]);
  assert.equal(ways("y = reduce_mean(x, axis=0)", mean), []);
  assert.equal(ways("y = reduce_mean(x, keepdims=false)", mean), []);
});

test("describes a value for a report", () => {
  const { graph, index, y } = parse("a = tanh(x)\ny = add(a, 1.5)");
  assert.is(describe(index, y), "add(a, 1.5)");
  assert.is(describe(index, at(graph.inputs, 0).value), "an input");
  assert.is(describe(index, at(at(graph.nodes, 1).operands, 1)), "the literal 1.5");
});

test("knows what lies between a root and its leaves", () => {
  const { graph, index, y } = parse("a = tanh(x)\nb = neg(a)\nc = mul(b, a)\ny = add(c, z)");
  const a = at(at(graph.nodes, 0).results, 0);
  assert.equal([...interior(index, y, [a])].map((n) => at(n.results, 0).name).sort(), ["b", "c", "y"]);
});

test("knows what depends on no input", () => {
  const { graph, index } = parse("i = iota(length=4)\nf = cast(i, to=f32)\nc = mul(f, 2.0)\ny = add(x, c)");
  assert.equal(
    graph.nodes.map((n) => isConstant(index, at(n.results, 0))),
    [true, true, true, false],
  );
});

test("climbs through every reader, nearest first, and stops in time", () => {
  const { graph, index } = parse("a = tanh(x)\nb = neg(a)\nc = exp(a)\nd = mul(b, c)\ny = add(d, z)");
  const a = at(at(graph.nodes, 0).results, 0);
  assert.equal(
    [...climb(index, a)].map((v) => v.name),
    ["a", "b", "c", "d", "y"],
  );
  assert.equal(
    [...climb(index, a, 2)].map((v) => v.name),
    ["a", "b", "c"],
  );
});

test.run();
