// What an integer value holds at [i, j]: the language in which a mask says whether it is causal.
import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { indexGraph } from "../../ir/graph.ts";
import { parseGraph } from "../../ir/parse.ts";
import { elementForm } from "../../passes/affine-elements.ts";
import {
  constant,
  type Form,
  type Names,
  plus,
  printForm,
  quotient,
  remainder,
  scaled,
  variable,
} from "../../passes/affine-forms.ts";
import { evaluateForm } from "../support/evaluate-form.ts";

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

test("has a name for what a division leaves, also for what is read through it", () => {
  assert.is(
    formOf(
      `a = iota(length=8)
        b = expand(a, shape=[3, 8])
        c = reshape(b, shape=[4, 6])
        d = transpose(c, perm=[1, 0])
        y = add(d, 1)`,
    ),
    "6·j + i − 8·((6·j + i) div 8) + 1",
  );
});

test("is null where a reshape divides by a symbol", () => {
  assert.is(
    formOf("a = iota(length=T)\nb = expand(a, shape=[3, T])\nc = reshape(b, shape=[T, 3])\ny = add(c, 1)"),
    "not affine",
  );
});

test("divides what is known to be small", () => {
  const names = () =>
    new Map([
      ["i", { limit: 6 }],
      ["j", { limit: 4 }],
    ]);
  const form = (k: number, l: number, m = 0) => plus(plus(scaled(variable("i"), k), variable("j"), l), constant(m));
  const divided = (a: Form, n: number): string => printForm(quotient(a, n, names()));
  assert.is(divided(form(8, 1), 4), "2·i");
  assert.is(divided(form(4, 1), 8), "(i div 2)");
  assert.is(divided(form(4, 1, 4), 8), "((i + 1) div 2)");
  assert.is(divided(form(4, 1, 1), 8), "((4·i + j + 1) div 8)");
  assert.is(divided(form(0, 1), 4), "0");
  assert.is(divided(form(1, 0, -1), 6), "-1 + ((i + 5) div 6)");
  assert.is(divided(form(2, 0), 6), "(i div 3)");
  assert.is(divided(form(1, 6), 12), "(j div 2)");
  const known = names();
  assert.is(printForm(quotient(quotient(variable("i"), 2, known), 2, known)), "(i div 4)");
  assert.is(printForm(plus(scaled(quotient(variable("i"), 4, known), 4), remainder(variable("i"), 4, known))), "i");
});

test("quotients and remainders are what they are of numbers", () => {
  const whole = (min: number, max: number) => fc.integer({ min, max });
  const sizes = fc.tuple(whole(-9, 9), whole(-9, 9), whole(-20, 20), whole(1, 12), whole(1, 7), whole(1, 7));
  fc.assert(
    fc.property(sizes, ([k, l, m, n, ilimit, jlimit]) => {
      const names: Names = new Map([
        ["i", { limit: ilimit }],
        ["j", { limit: jlimit }],
      ]);
      const a = plus(plus(scaled(variable("i"), k), variable("j"), l), constant(m));
      const [q, r] = [quotient(a, n, names), remainder(a, n, names)].map(printForm);
      for (let i = 0; i < ilimit; i++)
        for (let j = 0; j < jlimit; j++) {
          const values = { name: (name: string) => (name === "i" ? i : j), element: () => Number.NaN };
          const number = k * i + l * j + m;
          assert.is(evaluateForm(q ?? "", values), Math.floor(number / n));
          assert.is(evaluateForm(r ?? "", values), number - n * Math.floor(number / n));
        }
    }),
    { numRuns: 300, seed: 5 },
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

test("knows data by where it stands", () => {
  assert.is(formOf("y = add(x, 1)", "x: i32[4]"), "x[i] + 1");
  assert.is(formOf("a = reshape(x, shape=[4, 1])\ny = less_equal(b, a)", "x: i32[4], b: i32[3]"), "x[i] − b[j]");
  assert.is(formOf("a = slice(x, start=2, length=2)\ny = mul(a, 3)", "x: i32[4]"), "3·x[i + 2]");
  assert.is(formOf("a = iota(length=4)\nb = div(a, 2)\nc = gather(x, b)\ny = add(c, 0)", "x: i32[2]"), "c[i]");
  assert.is(formOf("y = gather(t, s)", "t: i32[3, 5], s: i32[4]"), "t[s[i], j]");
  assert.is(formOf("y = mul(x, x)", "x: i32[4]"), "y[i]");
  assert.is(formOf("y = cast(x, to=i32)", "x: f32[4]"), "y[i]");
});

test("keeps apart what f32 may have rounded", () => {
  assert.is(formOf("y = cast(x, to=f32)", "x: i32[4]"), "f32(x[i])");
  assert.is(formOf("a = cast(x, to=f32)\ny = add(a, 1.0)", "x: i32[4]"), "not affine");
  assert.is(formOf("a = cast(x, to=f32)\ny = less(a, 3.0)", "x: i32[4]"), "2 − f32(x[i])");
});

test("is null for an input of fractions", () => {
  assert.is(formOf("y = add(x, 1.0)", "x: f32[4]"), "not affine");
});

test.run();
