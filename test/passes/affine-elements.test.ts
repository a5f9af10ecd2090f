// What an integer value holds at [i, j]: the language in which a mask says whether it is causal.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { indexGraph } from "../../ir/graph.ts";
import { parseGraph } from "../../ir/parse.ts";
import { elementForm } from "../../passes/affine-elements.ts";
import { printForm, variable } from "../../passes/affine-forms.ts";

const test = suite("affine-elements");

/** The form of `y`, at `i` or at `i, j`. */
function formOf(statements: string, inputs = ""): string {
  const graph = parseGraph(`graph g[T, P>=0](${inputs}) {\n${statements}\nreturn y\n}`);
  const [y] = graph.results;
  if (!y) return "nothing";
  return printForm(elementForm(indexGraph(graph), y, [variable("i"), variable("j")].slice(0, y.type.shape.length)));
}

test("counts from a symbol on", () => {
  assert.is(formOf("y = iota(start=P, length=T)"), "i + P");
  assert.is(formOf("y = iota(start=2P+3, length=T)"), "i + 3 + 2·P");
});

test("adds, subtracts, negates, and multiplies by a number", () => {
  assert.is(formOf("a = iota(length=4)\nb = mul(a, 3)\nc = sub(b, 5)\nd = neg(c)\ny = add(d, a)"), "-2·i + 5");
});

test("is null for a product of two places", () => {
  assert.is(formOf("a = iota(length=4)\ny = mul(a, a)"), "not affine");
});

test("reads a broadcast operand where it stands", () => {
  assert.is(formOf("a = iota(length=4)\nb = reshape(a, shape=[4, 1])\ny = sub(b, a)"), "i − j");
});

test("follows slices, repeats, transposes and rows of a table", () => {
  assert.is(formOf("a = iota(length=9)\ny = slice(a, start=P, length=2)"), "i + P");
  assert.is(formOf("a = iota(length=4)\nb = expand(a, shape=[3, 4])\ny = transpose(b, perm=[1, 0])"), "i");
  assert.is(formOf("a = iota(start=5, length=9)\nb = iota(start=1, length=3)\ny = gather(a, b)"), "i + 6");
});

test("is null where a reshape divides, also for what is read through it", () => {
  assert.is(
    formOf(
      `a = iota(length=8)
        b = expand(a, shape=[3, 8])
        c = reshape(b, shape=[4, 6])
        d = transpose(c, perm=[1, 0])
        y = add(d, 1)`,
    ),
    "not affine",
  );
});

test("is null where places are chosen by a comparison", () => {
  assert.is(formOf("a = iota(length=4)\ny = concat(a, a)"), "not affine");
});

test("is the form that is not negative where a comparison holds", () => {
  const sides = "a = iota(length=4)\nb = reshape(a, shape=[4, 1])\n";
  assert.is(formOf(`${sides}y = less_equal(a, b)`), "i − j");
  assert.is(formOf(`${sides}y = less(a, b)`), "i − j − 1");
  assert.is(formOf(`${sides}y = greater_equal(a, b)`), "j − i");
  assert.is(formOf(`${sides}y = greater(a, b)`), "j − i − 1");
  assert.is(formOf(`${sides}y = equal(a, b)`), "not affine");
});

test("casts between what counts alike, and nothing else", () => {
  assert.is(formOf("a = iota(length=4)\ny = cast(a, to=f32)"), "i");
  for (const dtype of ["f16", "u32", "bool"])
    assert.is(formOf(`a = iota(length=4)\nb = cast(a, to=${dtype})\ny = cast(b, to=i32)`), "not affine");
  assert.is(formOf("a = iota(length=4)\nb = less(a, 2)\ny = cast(b, to=i32)"), "not affine");
});

test("is null for fractions, which a cast would truncate", () => {
  assert.is(
    formOf("a = iota(length=4)\nf = cast(a, to=f32)\nh = mul(f, 0.5)\nw = cast(h, to=i32)\ny = mul(w, 2)"),
    "not affine",
  );
});

test("is null for an input", () => {
  assert.is(formOf("y = add(x, 1)", "x: i32[4]"), "not affine");
});

test.run();
