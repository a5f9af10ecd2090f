// Arithmetic in one spelling. What moves elements is in canonicalize-moves.test.ts.
import { suite } from "uvu";
import { canonicalize } from "../../passes/canonicalize.ts";
import { expectPass } from "../support/expect-pass.ts";

const test = suite("canonicalize");

/** `before` and `after` are the statements between the same inputs and `return y`. */
function respells(before: string, after: string, inputs = "x: f32[T, 4], z: f32[T, 4]"): void {
  const graph = (body: string) => `graph g(${inputs}) {\n${body}\nreturn y\n}`;
  expectPass(canonicalize, graph(before), graph(after));
}

test("puts a literal on the right of a commutative op", () => {
  respells("y = add(1.5, x)", "y = add(x, 1.5)");
  respells("y = maximum(0.0, x)", "y = maximum(x, 0.0)");
});

test("subtracts a literal by adding its negative", () => {
  respells("y = sub(x, 2.0)", "y = add(x, -2.0)");
});

test("divides by a literal by multiplying with its reciprocal", () => {
  respells("y = div(x, 8.0)", "y = mul(x, 0.125)");
});

test("divides by a root by multiplying with its reciprocal", () => {
  respells("v = mul(z, z)\nr = sqrt(v)\ny = div(x, r)", "v = mul(z, z)\ny.0 = rsqrt(v)\ny = mul(x, y.0)");
});

test("takes one over a root in one step", () => {
  respells("v = mul(z, z)\nr = sqrt(v)\ny = div(1.0, r)", "v = mul(z, z)\ny = rsqrt(v)");
});

test("keeps the root that something else reads", () => {
  respells(
    "v = mul(z, z)\nr = sqrt(v)\nd = div(x, r)\ny = add(d, r)",
    "v = mul(z, z)\nr = sqrt(v)\nd.0 = rsqrt(v)\nd = mul(x, d.0)\ny = add(d, r)",
  );
});

test("writes small whole powers as products", () => {
  respells("y = pow(x, 2.0)", "y = mul(x, x)");
  respells("y = pow(x, 3.0)", "y.0 = mul(x, x)\ny = mul(y.0, x)");
});

test("drops a power of one", () => {
  respells("a = pow(x, 1.0)\ny = tanh(a)", "y = tanh(x)");
});

test("writes a power of a half as a root", () => {
  respells("v = mul(x, x)\ny = pow(v, 0.5)", "v = mul(x, x)\ny = sqrt(v)");
  respells("v = mul(x, x)\ny = pow(v, -0.5)", "v = mul(x, x)\ny = rsqrt(v)");
});

test("drops adding zero and multiplying by one", () => {
  respells("a = add(x, 0.0)\nb = mul(a, 1.0)\ny = tanh(b)", "y = tanh(x)");
});

test("drops subtracting zero and dividing by one, once they are spelled so", () => {
  respells("a = sub(x, 0.0)\nb = div(a, 1.0)\ny = tanh(b)", "y = tanh(x)");
});

test("drops adding zero to integers", () => {
  respells("a = add(0, i)\nb = mul(a, 1)\ny = neg(b)", "y = neg(i)", "i: i32[T]");
});

test("multiplies the literals of a chain", () => {
  respells("a = mul(x, 2.0)\nb = mul(a, 3.0)\ny = mul(b, 0.5)", "y = mul(x, 3.0)");
});

test("adds a negative by subtracting, on either side", () => {
  respells("n = neg(z)\ny = add(x, n)", "y = sub(x, z)");
  respells("n = neg(z)\ny = add(n, x)", "y = sub(x, z)");
});

test("subtracts a whole row's mean added as a negative, keeping the broadcast", () => {
  respells("m = reduce_mean(x)\nn = neg(m)\ny = add(x, n)", "m = reduce_mean(x)\ny = sub(x, m)");
});

test("recognises a mean in a sum divided by the count", () => {
  respells("s = reduce_sum(x)\ny = div(s, 4.0)", "y = reduce_mean(x)");
  respells("s = reduce_sum(x)\ny = mul(0.25, s)", "y = reduce_mean(x)");
});

test("recognises a mean over another axis, kept or not", () => {
  respells(
    "s = reduce_sum(x, axis=-2, keepdims=false)\ny = div(s, 8.0)",
    "y = reduce_mean(x, axis=-2, keepdims=false)",
    "x: f32[T, 8, 4]",
  );
});

test("names what it makes for the value it replaces, around names that are taken", () => {
  respells(
    "y.0 = tanh(x)\ny.1 = pow(y.0, 3.0)\ny = add(y.1, x)",
    "y.0 = tanh(x)\ny.1.0 = mul(y.0, y.0)\ny.1 = mul(y.1.0, y.0)\ny = add(y.1, x)",
  );
});

test("keeps f16 in f16", () => {
  respells("y = sub(x, 2.0h)", "y = add(x, -2.0h)", "x: f16[4]");
  respells("y = div(x, 8.0h)", "y = mul(x, 0.125h)", "x: f16[4]");
  respells("a = mul(x, 2.0h)\ny = mul(a, 4.0h)", "y = mul(x, 8.0h)", "x: f16[4]");
});

test("rewrites everything along a chain in one run", () => {
  respells(
    "a = pow(x, 1.0)\nb = add(0.0, a)\nc = neg(b)\nd = add(z, c)\ny = div(d, 4.0)",
    "d = sub(z, x)\ny = mul(d, 0.25)",
  );
});

test.run();
