// Formulas as polynomials, which is what lets gelu and layer norm be recognised in any spelling.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { indexGraph } from "../../ir/graph.ts";
import { parseGraph } from "../../ir/parse.ts";
import type { Value } from "../../ir/value.ts";
import { nearly, polynomial, printTerms } from "../../passes/algebra.ts";

const test = suite("algebra");

/** The polynomial of `y` in the graph's inputs, printed. */
function termsOf(
  statements: string,
  isLeaf: (v: Value, inputs: readonly Value[]) => boolean = (v, all) => all.includes(v),
) {
  const graph = parseGraph(`graph g(x: f32[4], z: f32[4]) {\n${statements}\nreturn y\n}`);
  const inputs = graph.inputs.map((i) => i.value);
  const [y] = graph.results;
  const terms = y && polynomial(indexGraph(graph), y, (v) => isLeaf(v, inputs));
  return terms && printTerms(terms);
}

test("multiplies out", () => {
  assert.is(termsOf("a = add(x, z)\ny = mul(a, a)"), "1·x^2 + 2·z·x + 1·z^2");
});

test("cancels", () => {
  assert.is(termsOf("a = add(x, z)\nb = sub(x, z)\ny = sub(a, b)"), "2·z");
  assert.is(termsOf("a = mul(x, z)\ny = div(a, x)"), "1·z");
  assert.is(termsOf("y = sub(x, x)"), "0");
});

test("divides by a product, but not by a sum", () => {
  assert.is(termsOf("a = mul(x, 4.0)\ny = div(z, a)"), "0.25·z·x^-1");
  assert.is(termsOf("a = add(x, 4.0)\ny = div(z, a)"), undefined);
});

test("raises to whole powers from one on", () => {
  assert.is(termsOf("a = mul(x, 2.0)\ny = pow(a, 3.0)"), "8·x^3");
  assert.is(termsOf("y = pow(x, 0.5)"), undefined);
  assert.is(termsOf("y = pow(x, -1.0)"), undefined);
  assert.is(termsOf("y = pow(x, z)"), undefined);
});

test("gives up at what is no arithmetic", () => {
  assert.is(termsOf("a = tanh(x)\ny = add(a, z)"), undefined);
});

test("stops at a leaf, whatever is below it", () => {
  assert.is(
    termsOf("a = tanh(x)\ny = mul(a, 2.0)", (v) => v.name === "a"),
    "2·a",
  );
});

test("gives up where the terms become many", () => {
  assert.is(termsOf("a = add(x, z)\nb = add(a, 1.0)\nc = pow(b, 8.0)\ny = mul(c, c)"), undefined);
});

test("looks at a value once that is read twice", () => {
  const steps = Array.from({ length: 60 }, (_, i) => `a${i + 1} = add(a${i}, a${i})`).join("\n");
  // 2^60 visits would not end.
  assert.is(termsOf(`a0 = mul(x, 1.0)\n${steps}\ny = mul(a60, ${2 ** -60})`), "1·x");
});

test("takes constants that differ in the seventh digit for the same", () => {
  assert.ok(nearly(0.7978845608, Math.sqrt(2 / Math.PI)));
  assert.ok(nearly(-0.7978846, -Math.sqrt(2 / Math.PI)));
  assert.not(nearly(0.0447, 0.044715));
  assert.not(nearly(0.5, -0.5));
  assert.not(nearly(Number.NaN, Number.NaN));
});

test.run();
