// The spellings that are GELU. What only looks like it is in fuse-gelu-look-alikes.test.ts.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fuseGelu } from "../../passes/fuse-gelu.ts";
import { type Allowance, expectPass } from "../support/expect-pass.ts";
import { verdicts } from "./expect-report.ts";

const test = suite("fuse-gelu");

const graph = (statements: string, results = "y") => `graph g(x: f32[T, 4]) {
    ${statements}
    return ${results}
  }`;
const TANH = graph("y = gelu(x)");
const ERF = graph("y = gelu(x, approximate=none)");

/** √(2/π), and √(2/π) · 0.044715, in all the digits of a double. */
const C = Math.sqrt(2 / Math.PI);
const D = C * 0.044715;

const ROUNDED: Allowance = {
  rtol: 2e-7,
  atol: 2e-7,
  reason: "the graph has its constants in 7 digits or more, gelu in 16",
};

/** tanh's argument, and what is made of its result t. */
const INNER = `x2 = mul(x, x)
  x3 = mul(x2, x)
  c = mul(x3, 0.044715)
  p = add(x, c)
  i = mul(p, ${C})`;
const OUTER = "u = add(t, 1.0)\nh = mul(x, 0.5)\ny = mul(h, u)";
const tanhForm = ({ inner = INNER, outer = OUTER } = {}) => graph(`${inner}\nt = tanh(i)\n${outer}`);

test("fuses the tanh form as GPT-2 writes it, with a power for the cube", () => {
  const inner = `x3 = pow(x, 3.0)\nc = mul(x3, 0.044715)\np = add(x, c)\ni = mul(p, ${C})`;
  expectPass(fuseGelu, tanhForm({ inner }), TANH);
  assert.equal(verdicts(fuseGelu, tanhForm({ inner })), { t: "fired" });
});

test("takes x·x·x for the cube, however it is nested", () => {
  expectPass(fuseGelu, tanhForm(), TANH);
  const inner = `x2 = mul(x, x)\nc = mul(0.044715, x2)\nx3 = mul(x, c)\np = add(x3, x)\ni = mul(${C}, p)`;
  expectPass(fuseGelu, tanhForm({ inner }), TANH);
});

test("takes the factored argument √(2/π)·x·(1 + 0.044715x²)", () => {
  const inner = `x2 = mul(x, x)\nc = mul(x2, 0.044715)\no = add(c, 1.0)\np = mul(x, o)\ni = mul(p, ${C})`;
  expectPass(fuseGelu, tanhForm({ inner }), TANH);
});

test("takes √(2/π) distributed over the sum", () => {
  const inner = `x2 = mul(x, x)\nx3 = mul(x2, x)\na = mul(x, ${C})\nb = mul(x3, ${D})\ni = add(a, b)`;
  expectPass(fuseGelu, tanhForm({ inner }), TANH);
});

test("takes the constants rounded as papers and checkpoints have them", () => {
  const inner = `x3 = pow(x, 3.0)\nc = mul(x3, 0.044715)\np = add(x, c)\ni = mul(p, 0.7978845608)`;
  expectPass(fuseGelu, tanhForm({ inner }), TANH, ROUNDED);
  expectPass(fuseGelu, tanhForm({ inner: inner.replace("0.7978845608", "0.7978846") }), TANH, ROUNDED);
});

test("takes divisions for products", () => {
  const inner = `x3 = pow(x, 3.0)
    c = div(x3, ${1 / 0.044715})
    p = add(x, c)
    i = div(p, ${Math.sqrt(Math.PI / 2)})`;
  const outer = "u = add(t, 1.0)\nm = mul(x, u)\ny = div(m, 2.0)";
  expectPass(fuseGelu, tanhForm({ inner, outer }), TANH);
});

test("takes 0.5 anywhere in the product", () => {
  for (const outer of [
    "u = add(1.0, t)\nh = mul(0.5, x)\ny = mul(u, h)",
    "u = add(t, 1.0)\nm = mul(x, u)\ny = mul(m, 0.5)",
    "u = add(t, 1.0)\nh = mul(u, 0.5)\ny = mul(x, h)",
  ])
    expectPass(fuseGelu, tanhForm({ outer }), TANH);
});

test("takes x·(0.5 + 0.5·t)", () => {
  expectPass(fuseGelu, tanhForm({ outer: "h = mul(t, 0.5)\nu = add(h, 0.5)\ny = mul(u, x)" }), TANH);
});

test("takes the product with x multiplied out", () => {
  expectPass(fuseGelu, tanhForm({ outer: "m = mul(x, t)\na = add(x, m)\ny = mul(a, 0.5)" }), TANH);
});

test("fuses the erf form with a division by √2", () => {
  expectPass(fuseGelu, graph(`i = div(x, ${Math.SQRT2})\nt = erf(i)\n${OUTER}`), ERF);
});

test("fuses the erf form with a product with √½, rounded or not", () => {
  expectPass(fuseGelu, graph(`i = mul(x, ${Math.SQRT1_2})\nt = erf(i)\n${OUTER}`), ERF);
  expectPass(fuseGelu, graph(`i = mul(0.70710678, x)\nt = erf(i)\n${OUTER}`), ERF, ROUNDED);
});

test("takes an x that is computed, and keeps it", () => {
  expectPass(
    fuseGelu,
    `graph g(z: f32[T, 4], b: f32[4]) {\nx = add(z, b)\n${INNER}\nt = tanh(i)\n${OUTER}\nreturn y\n}`,
    "graph g(z: f32[T, 4], b: f32[4]) {\nx = add(z, b)\ny = gelu(x)\nreturn y\n}",
  );
});

test("takes the x that the formula is about, not what that is made of", () => {
  expectPass(
    fuseGelu,
    `graph g(z: f32[T, 4]) {\nx = mul(z, 3.0)\ni = mul(x, ${Math.SQRT1_2})\nt = erf(i)\n${OUTER}\nreturn y\n}`,
    "graph g(z: f32[T, 4]) {\nx = mul(z, 3.0)\ny = gelu(x, approximate=none)\nreturn y\n}",
  );
});

test("fuses where x has other readers, such as a gate", () => {
  expectPass(
    fuseGelu,
    graph(`${INNER}\nt = tanh(i)\n${OUTER}\nz = mul(x, y)`, "z"),
    graph("y = gelu(x)\nz = mul(x, y)", "z"),
  );
});

test.run();
