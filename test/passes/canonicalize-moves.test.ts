// Reshapes, transposes, slices and repeats in one spelling.
import { suite } from "uvu";
import { canonicalize } from "../../passes/canonicalize.ts";
import { expectPass } from "../support/expect-pass.ts";

const test = suite("canonicalize: moves");

function respells(before: string, after: string, inputs = "x: f32[T, 4, 6]"): void {
  const graph = (body: string) => `graph g[T, P>=0](${inputs}) {\n${body}\nreturn y\n}`;
  expectPass(canonicalize, graph(before), graph(after));
}
const leaves = (statements: string, inputs?: string): void => respells(statements, statements, inputs);

test("drops a reshape to the same shape", () => {
  respells("a = reshape(x, shape=[T, 4, 6])\ny = tanh(a)", "y = tanh(x)");
});

test("keeps a reshape to another shape of as many elements", () => {
  leaves("a = reshape(x, shape=[T, 6, 4])\ny = tanh(a)");
});

test("drops an expand to the same shape", () => {
  respells("a = expand(x, shape=[T, 4, 6])\ny = tanh(a)", "y = tanh(x)");
});

test("keeps an expand that adds an axis of one element", () => {
  leaves("a = expand(x, shape=[1, T, 4, 6])\ny = tanh(a)");
});

test("drops a cast to the same dtype", () => {
  respells("a = cast(x, to=f32)\ny = tanh(a)", "y = tanh(x)");
});

test("keeps a cast there and back, which truncates", () => {
  leaves("a = cast(x, to=i32)\ny = cast(a, to=f32)");
});

test("drops a slice of the whole axis", () => {
  respells("a = slice(x, axis=1, length=4)\ny = tanh(a)", "y = tanh(x)");
  respells("a = slice(x, axis=0, length=T)\ny = tanh(a)", "y = tanh(x)");
});

test("keeps a slice of a part", () => {
  leaves("a = slice(x, axis=1, start=1, length=3)\ny = tanh(a)");
  leaves("a = slice(k, axis=0, length=P+T)\ny = tanh(a)", "k: f32[9, 4]");
});

test("makes two reshapes one", () => {
  respells(
    "a = reshape(x, shape=[T, 24])\nb = reshape(a, shape=[T, 2, 12])\ny = tanh(b)",
    "b = reshape(x, shape=[T, 2, 12])\ny = tanh(b)",
  );
});

test("drops a reshape there and back", () => {
  respells("a = reshape(x, shape=[T, 24])\nb = reshape(a, shape=[T, 4, 6])\ny = tanh(b)", "y = tanh(x)");
});

test("reshapes from the source where the first reshape is read elsewhere too", () => {
  respells(
    `a = reshape(x, shape=[T, 24])
      b = reshape(a, shape=[T, 8, 3])
      c = tanh(a)
      d = reshape(c, shape=[T, 8, 3])
      y = add(b, d)`,
    `a = reshape(x, shape=[T, 24])
      b = reshape(x, shape=[T, 8, 3])
      c = tanh(a)
      d = reshape(c, shape=[T, 8, 3])
      y = add(b, d)`,
  );
});

test("keeps two reshapes with a transpose between them", () => {
  leaves("a = reshape(x, shape=[T, 24])\nb = transpose(a, perm=[1, 0])\ny = reshape(b, shape=[4, 6, T])");
});

test("drops a transpose that keeps the order", () => {
  respells("a = transpose(x, perm=[0, 1, 2])\ny = tanh(a)", "y = tanh(x)");
});

test("drops two transposes that undo each other", () => {
  respells("a = transpose(x, perm=[1, 2, 0])\nb = transpose(a, perm=[2, 0, 1])\ny = tanh(b)", "y = tanh(x)");
});

test("makes two transposes one, in the right order", () => {
  // Axis i of b is axis perm[i] of a; [1, 2, 0] after [1, 0, 2] is no self-inverse, so a swapped order shows.
  respells(
    "a = transpose(x, perm=[1, 0, 2])\nb = transpose(a, perm=[1, 2, 0])\ny = tanh(b)",
    "b = transpose(x, perm=[0, 2, 1])\ny = tanh(b)",
  );
});

test("lets an op broadcast by itself where the other operand is as wide", () => {
  respells("a = expand(r, shape=[T, 4])\ny = add(a, x)", "y = add(r, x)", "x: f32[T, 4], r: f32[4]");
});

test("lets a select broadcast by itself", () => {
  respells(
    "c = greater(r, 0.0)\na = expand(c, shape=[T, 4])\ny = select(a, x, -1.0)",
    "c = greater(r, 0.0)\ny = select(c, x, -1.0)",
    "x: f32[T, 4], r: f32[4]",
  );
});

test("drops one of two repeats, and keeps the one that gives the shape", () => {
  respells(
    "a = expand(r, shape=[T, 4])\nb = expand(s, shape=[T, 4])\ny = add(a, b)",
    "b = expand(s, shape=[T, 4])\ny = add(r, b)",
    "r: f32[4], s: f32[1, 4]",
  );
});

test("keeps a repeat that gives the result its shape", () => {
  leaves("a = expand(r, shape=[T, 4])\ny = add(a, 1.5)", "r: f32[4]");
});

test.run();
