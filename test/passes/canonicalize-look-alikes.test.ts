// What canonicalize leaves alone: the same shape of graph, but another meaning, another dtype, or nothing to be gained.
import { suite } from "uvu";
import { definePointwise } from "../../ir/define-pointwise.ts";
import { canonicalize } from "../../passes/canonicalize.ts";
import { expectPass, expectUnchanged } from "../support/expect-pass.ts";

const test = suite("canonicalize: what it leaves alone");

function leaves(statements: string, inputs = "x: f32[T, 4], z: f32[T, 4]", results = "y"): void {
  expectUnchanged(canonicalize, `graph g[T, P>=0](${inputs}) {\n${statements}\nreturn ${results}\n}`);
}

test("a literal on the left of what does not commute", () => {
  leaves("y = sub(1.5, x)");
  leaves("v = mul(x, x)\nw = add(v, 0.5)\ny = div(1.0, w)");
});

test("two literals: folding is another pass's work", () => {
  leaves("a = add(1.0, 2.0)\ny = mul(x, a)");
});

test("subtraction from integers, which unsigned ones could not add back", () => {
  leaves("y = sub(i, 2u)", "i: u32[T]");
});

test("division of integers, which truncates", () => {
  leaves("y = div(i, 2)", "i: i32[T]");
});

test("division by zero, whose reciprocal is no number", () => {
  leaves("y = div(x, 0.0)");
});

test("division by what has a reciprocal outside f32, or outside f16", () => {
  leaves("y = div(x, 1e-39)");
  leaves("y = div(x, 3e+38)");
  leaves("y = div(x, 0.00001h)", "x: f16[4]");
});

test("division by a sum with a root in it", () => {
  leaves("v = mul(z, z)\nr = sqrt(v)\ns = add(r, 1.5)\ny = div(x, s)");
});

test("powers that have no shorter spelling", () => {
  leaves("v = mul(x, x)\ny = pow(v, 1.5)");
  leaves("y = pow(x, 4.0)");
  leaves("v = mul(x, x)\ny = pow(v, z)");
});

test("a literal base", () => {
  leaves("y = pow(2.0, x)");
});

test("adding one and multiplying by zero", () => {
  leaves("a = add(x, 1.0)\ny = mul(a, 0.0)");
});

test("adding a tensor of zeros, which may widen the shape", () => {
  leaves("o = expand(0.0, shape=[T, 4])\ny = add(r, o)", "r: f32[4]");
});

test("a chain whose inner product is read elsewhere: it is needed anyway", () => {
  leaves("a = mul(x, 2.0)\nb = mul(a, 3.0)\ny = add(a, b)");
});

test("a chain whose inner product is returned", () => {
  leaves("a = mul(x, 2.0)\ny = mul(a, 3.0)", "x: f32[4]", "y, a");
});

test("a chain of sums and products", () => {
  leaves("a = add(x, 2.0)\ny = mul(a, 3.0)");
});

test("a chain whose literals multiply to what no f32 holds", () => {
  leaves("a = mul(x, 1e+30)\ny = mul(a, 1e+30)");
  leaves("a = mul(x, 1e-30)\ny = mul(a, 1e-30)");
});

test("integer chains, whose products wrap", () => {
  leaves("a = mul(i, 3)\ny = mul(a, 5)", "i: i32[T]");
});

test("a sum times a number that is not one over the count", () => {
  leaves("s = reduce_sum(x)\ny = mul(s, 0.2)");
});

test("a sum over an axis without a fixed length", () => {
  leaves("s = reduce_sum(x, axis=0)\ny = mul(s, 0.25)");
});

test("a sum that something else reads", () => {
  leaves("s = reduce_sum(x)\nm = mul(s, 0.25)\ny = add(m, s)");
});

test("a maximum times one over the count", () => {
  leaves("s = reduce_max(x)\ny = mul(s, 0.25)");
});

test("a negative that is multiplied", () => {
  leaves("n = neg(x)\ny = mul(n, z)");
});

test("a literal before the operands of a user's op that takes three", () => {
  const sum3 = definePointwise({
    name: "sum3",
    summary: "the sum of three",
    operands: ["a", "b", "c"],
    commutative: true,
    scalar: ([a, b, c]) => a + b + c,
    wgsl: ([a, b, c]) => `${a} + ${b} + ${c}`,
  });
  expectUnchanged(canonicalize, "graph g(x: f32[4]) { y = sum3(1.0, x, x) return y }", [sum3]);
});

test("a number that the graph would have to return as a literal", () => {
  expectUnchanged(canonicalize, "graph g(x: f32[4]) { y = pow(3.0, 1.0) return y, x }");
});

test("but an input may be returned as it came", () => {
  expectPass(canonicalize, "graph g(x: f32[4]) { y = mul(x, 1.0) return y }", "graph g(x: f32[4]) { return x }");
});

test.run();
