import { suite } from "uvu";
import * as assert from "uvu/assert";
import { at } from "../../ir/errors.ts";
import { parseGraph } from "../../ir/parse.ts";
import { foldConstants } from "../../passes/fold-constants.ts";
import { expectPass, expectUnchanged } from "../support/expect-pass.ts";
import { expectRefusal } from "./expect-report.ts";

const test = suite("fold-constants");

function folds(before: string, after: string, inputs = "x: f32[T, 4]"): void {
  expectPass(
    foldConstants,
    `graph g(${inputs}) {\n${before}\nreturn y\n}`,
    `graph g(${inputs}) {\n${after}\nreturn y\n}`,
  );
}

test("computes what depends on literals alone, however deep", () => {
  folds("a = mul(2.0, 3.0)\nb = add(a, 0.5)\nc = neg(b)\ny = mul(x, c)", "y = mul(x, -6.5)");
});

test("keeps the factors of GELU in full precision", () => {
  folds("a = div(2.0, 3.141592653589793)\nb = sqrt(a)\ny = mul(x, b)", `y = mul(x, ${Math.sqrt(2 / Math.PI)})`);
});

test("divides integers as integers", () => {
  folds("a = div(-7, 2)\ny = add(i, a)", "y = add(i, -3)", "i: i32[T]");
});

test("wraps integers where the GPU would", () => {
  folds("a = add(2147483647, 1)\ny = add(i, a)", "y = add(i, -2147483648)", "i: i32[T]");
  folds("a = sub(1u, 2u)\ny = add(i, a)", "y = add(i, 4294967295u)", "i: u32[T]");
});

test("rounds f16 to f16", () => {
  folds("a = add(2048.0h, 1.0h)\ny = add(x, a)", "y = add(x, 2048.0h)", "x: f16[4]");
});

test("takes a comparison's dtype from its result, not from its operands", () => {
  folds("c = less(1.0, 2.0)\ny = select(c, x, -1.0)", "y = select(true, x, -1.0)");
});

test("casts", () => {
  folds("a = cast(2.9, to=i32)\ny = add(i, a)", "y = add(i, 2)", "i: i32[T]");
});

test("keeps numbers that no digits write", () => {
  folds("a = log(0.0)\ny = add(x, a)", "y = add(x, -inf)");
});

test("gives a region the literal inside, where it stood outside before", () => {
  folds(
    "a = add(1.0, 2.0)\ny = fused pointwise(x, a) {\ns = add(x, a)\nreturn s\n}",
    "y = fused pointwise(x) {\ns = add(x, 3.0)\nreturn s\n}",
  );
});

test("leaves an op alone that reads an input, and says which", () => {
  expectRefusal(foldConstants, "graph g(x: f32[4]) { y = mul(x, 2.0) return y }", {
    site: "y",
    predicate: "operands-are-literals",
    facts: "x is no literal",
  });
});

test("leaves a number alone that the graph returns: a result is a tensor in memory", () => {
  expectRefusal(foldConstants, "graph g(x: f32[4]) { y = add(1.0, 2.0) return y, x }", {
    site: "y",
    predicate: "leaves-a-valid-graph",
    facts: "would return the literal 3.0",
  });
});

test("leaves what has a shape alone, constant or not", () => {
  expectUnchanged(foldConstants, "graph g(x: f32[4]) { i = iota(length=4) y = cast(i, to=f32) return y }");
  expectUnchanged(foldConstants, "graph g(x: f32[4]) { o = expand(1.0, shape=[4]) y = add(x, o) return y }");
});

test("leaves an op alone whose meaning is a composition: gelu has no formula of its own", () => {
  expectUnchanged(foldConstants, "graph g(x: f32[4]) { a = gelu(1.0) y = mul(x, a) return y }");
});

test("gives a literal of the value's own type", () => {
  const folded = foldConstants.run(parseGraph("graph g(i: i32[4]) { a = mul(2, 3) y = add(i, a) return y }"));
  assert.equal(at(at(folded.nodes, 0).operands, 1).type, { dtype: "i32", shape: [] });
});

test.run();
