// What is almost GELU and stays as it is. Each says which predicate is the one that said no.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fuseGelu } from "../../passes/fuse-gelu.ts";
import { expectUnchanged } from "../support/expect-pass.ts";
import { expectRefusal, verdicts } from "./expect-report.ts";

const test = suite("fuse-gelu: look-alikes");

const C = Math.sqrt(2 / Math.PI);
const ARGUMENT = "argument-is-gelu's";
const OUTER_FORM = "half-x-times-one-plus";

function refuses(
  {
    cubic = "0.044715",
    factor = String(C),
    half = "0.5",
    one = "1.0",
    more = "",
    inputs = "x: f32[T, 4]",
    results = "y",
    outerX = "x",
  },
  predicate: string,
  facts: string,
): void {
  const graph = `graph g(${inputs}) {
    x2 = mul(x, x)
    x3 = mul(x2, x)
    c = mul(x3, ${cubic})
    p = add(x, c)
    i = mul(p, ${factor})
    t = tanh(i)
    u = add(t, ${one})
    h = mul(${outerX}, ${half})
    y = mul(h, u)
    ${more}
    return ${results}
  }`;
  expectRefusal(fuseGelu, graph, { site: "t", predicate, facts });
}

test("a cubic term that is off in the fourth digit", () => {
  refuses({ cubic: "0.0447" }, ARGUMENT, "i is 0.797885·x + 0.0356654·x^3, not 0.797885·x + 0.0356774·x^3");
});

test("another factor", () => {
  refuses({ factor: "0.8" }, ARGUMENT, "i is 0.8·x");
});

test("a quarter instead of a half", () => {
  refuses({ half: "0.25" }, OUTER_FORM, "y is 0.25·x·t + 0.25·x, not 0.5·x + 0.5·x·t");
});

test("one minus the tanh of the negative: tanh is odd, but a polynomial does not know", () => {
  refuses({ factor: `-${C}` }, ARGUMENT, "i is -0.797885·x");
});

test("two plus the tanh", () => {
  refuses({ one: "2.0" }, OUTER_FORM, "y is 0.5·x·t + 1·x");
});

test("one minus the tanh", () => {
  const graph = `graph g(x: f32[4]) {
    i = mul(x, ${Math.SQRT1_2})
    t = erf(i)
    u = sub(1.0, t)
    h = mul(x, 0.5)
    y = mul(h, u)
    return y
  }`;
  expectRefusal(fuseGelu, graph, { site: "t", predicate: OUTER_FORM, facts: "-0.5·x·t" });
});

test("another x outside than inside", () => {
  refuses({ outerX: "z", inputs: "x: f32[T, 4], z: f32[T, 4]" }, OUTER_FORM, "u is 1·t + 1, not 0.5·x + 0.5·x·t");
});

test("a tanh that something else reads", () => {
  refuses({ more: "z = neg(t)", results: "y, z" }, "intermediates-are-private", "t is also read by z");
});

test("a tanh that the graph returns", () => {
  refuses({ results: "y, t" }, "intermediates-are-private", "t is also returned by the graph");
});

test("a cube that something else reads", () => {
  refuses({ more: "z = neg(x3)", results: "y, z" }, "intermediates-are-private", "x3 is also read by z");
});

test("a half of x that something else reads", () => {
  refuses({ more: "z = neg(h)", results: "y, z" }, "intermediates-are-private", "h is also read by z");
});

test("a tanh of x itself: the activation of that name", () => {
  const graph = "graph g(x: f32[4]) { t = tanh(x) u = add(t, 1.0) h = mul(x, 0.5) y = mul(h, u) return y }";
  expectRefusal(fuseGelu, graph, {
    site: "t",
    predicate: ARGUMENT,
    facts: "x is an input, not 0.797885·x + 0.0356774·x^3",
  });
});

test("a tanh of a quotient, which is no polynomial", () => {
  const graph = `graph g(x: f32[4], z: f32[4]) {
      q = div(x, z)
      t = tanh(q)
      u = add(t, 1.0)
      h = mul(x, 0.5)
      y = mul(h, u)
      return y
    }`;
  expectRefusal(fuseGelu, graph, { site: "t", predicate: ARGUMENT, facts: "q is div(x, z), not" });
});

test("erf of x over 2 instead of √2", () => {
  const graph =
    "graph g(x: f32[4]) { i = div(x, 2.0) t = erf(i) u = add(t, 1.0) h = mul(x, 0.5) y = mul(h, u) return y }";
  expectRefusal(fuseGelu, graph, { site: "t", predicate: ARGUMENT, facts: "i is 0.5·x, not 0.707107·x" });
});

test("erf of tanh's argument", () => {
  const graph = `graph g(x: f32[4]) {
    x3 = pow(x, 3.0)
    c = mul(x3, 0.044715)
    p = add(x, c)
    i = mul(p, ${C})
    t = erf(i)
    u = add(t, 1.0)
    h = mul(x, 0.5)
    y = mul(h, u)
    return y
  }`;
  expectRefusal(fuseGelu, graph, { site: "t", predicate: ARGUMENT, facts: "not 0.707107·x" });
});

test("x·sigmoid(1.702x), the rough form, which has neither tanh nor erf", () => {
  const graph = "graph g(x: f32[4]) { s = mul(x, -1.702) e = exp(s) d = add(e, 1.0) y = div(x, d) return y }";
  expectUnchanged(fuseGelu, graph);
  assert.equal(verdicts(fuseGelu, graph), {});
});

test("f16: gelu has no rounding steps in between to keep", () => {
  const graph = `graph g(x: f16[4]) {
    x2 = mul(x, x)
    x3 = mul(x2, x)
    c = mul(x3, 0.044715h)
    p = add(x, c)
    i = mul(p, ${C}h)
    t = tanh(i)
    u = add(t, 1.0h)
    h = mul(x, 0.5h)
    y = mul(h, u)
    return y
  }`;
  expectRefusal(fuseGelu, graph, { site: "t", predicate: "works-in-f32", facts: "t is f16[4]" });
});

test.run();
