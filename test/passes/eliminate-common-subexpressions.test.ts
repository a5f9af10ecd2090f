import { suite } from "uvu";
import * as assert from "uvu/assert";
import { GraphBuilder } from "../../ir/builder.ts";
import { definePointwise } from "../../ir/define-pointwise.ts";
import { parseType } from "../../ir/parse.ts";
import { eliminateCommonSubexpressions as cse } from "../../passes/eliminate-common-subexpressions.ts";
import { expectPass, expectUnchanged } from "../support/expect-pass.ts";
import { verdicts } from "./expect-report.ts";

const test = suite("eliminate-common-subexpressions");

test("computes equal nodes once", () => {
  expectPass(
    cse,
    "graph g(x: f32[4]) { a = tanh(x) b = tanh(x) y = mul(a, b) return y }",
    "graph g(x: f32[4]) { a = tanh(x) y = mul(a, a) return y }",
  );
});

test("follows equality through a chain: the causal mask of two layers", () => {
  const mask = (n: number) => `
    i${n} = iota(start=P, length=T)
    r${n} = reshape(i${n}, shape=[T, 1])
    k${n} = iota(length=P+T)
    c${n} = less_equal(k${n}, r${n})
    m${n} = select(c${n}, x, -1.0)`;
  const graph = (statements: string) => `graph g[T, P>=0](x: f32[T, P+T]) {${statements}\nreturn y\n}`;
  expectPass(cse, graph(`${mask(0)}${mask(1)}\ny = add(m0, m1)`), graph(`${mask(0)}\ny = add(m0, m0)`));
});

test("takes a commutative op with its operands swapped for equal", () => {
  expectPass(
    cse,
    `graph g(x: f32[4], z: f32[4]) {
      a = add(x, z)
      b = add(z, x)
      c = add(x, 1.5)
      d = add(1.5, x)
      e = sub(a, b)
      f = sub(c, d)
      y = add(e, f)
      return y
    }`,
    `graph g(x: f32[4], z: f32[4]) {
      a = add(x, z)
      c = add(x, 1.5)
      e = sub(a, a)
      f = sub(c, c)
      y = add(e, f)
      return y
    }`,
  );
});

test("leaves an op that does not commute alone", () => {
  expectUnchanged(cse, "graph g(x: f32[4], z: f32[4]) { a = sub(x, z) b = sub(z, x) y = mul(a, b) return y }");
});

test("replaces every result of a split", () => {
  expectPass(
    cse,
    `graph g(x: f32[4]) {
      a, b = split(x, sizes=[2, 2])
      c, d = split(x, sizes=[2, 2])
      e = mul(a, c)
      f = mul(b, d)
      y = add(e, f)
      return y
    }`,
    "graph g(x: f32[4]) { a, b = split(x, sizes=[2, 2]) e = mul(a, a) f = mul(b, b) y = add(e, f) return y }",
  );
});

test("tells attributes apart", () => {
  expectUnchanged(
    cse,
    `graph g(x: f32[4]) {
      a = slice(x, length=2)
      b = slice(x, start=1, length=2)
      c = slice(x, start=2, length=2)
      d = mul(a, b)
      y = mul(d, c)
      return y
    }`,
  );
});

test("takes a default that is spelled out for the default", () => {
  expectPass(
    cse,
    "graph g(x: f32[T, 4]) { a = reduce_sum(x) b = reduce_sum(x, axis=-1, keepdims=true) y = mul(a, b) return y }",
    "graph g(x: f32[T, 4]) { a = reduce_sum(x) y = mul(a, a) return y }",
  );
});

test("tells literals of two dtypes and of two signs apart", () => {
  expectUnchanged(
    cse,
    `graph g(x: f32[4]) {
      a = expand(1, shape=[4])
      b = expand(1.0, shape=[4])
      c = expand(-1.0, shape=[4])
      d = cast(a, to=f32)
      e = mul(b, c)
      y = add(d, e)
      return y
    }`,
  );
});

test("returns the first of two equal results twice", () => {
  expectPass(
    cse,
    "graph g(x: f32[4]) { a = tanh(x) b = tanh(x) return a, b }",
    "graph g(x: f32[4]) { a = tanh(x) return a, a }",
  );
});

test("never makes two updates one", () => {
  expectUnchanged(
    cse,
    `graph g(state k: f32[4, 2], state v: f32[4, 2], r: f32[1, 2]) {
      a = cache_update(k, r, start=0)
      b = cache_update(v, r, start=0)
      return a, b
    }`,
  );
});

test("keeps two caches that start out equal apart, for each is overwritten on its own", () => {
  expectUnchanged(
    cse,
    `graph g(r: f32[1, 2], s: f32[1, 2]) {
      k = expand(0.0, shape=[4, 2])
      v = expand(0.0, shape=[4, 2])
      a = cache_update(k, r, start=0)
      b = cache_update(v, s, start=0)
      return a, b
    }`,
  );
});

test("keeps a cache apart from an equal value that is read later", () => {
  expectUnchanged(
    cse,
    `graph g(r: f32[4, 2]) {
      k = expand(0.0, shape=[4, 2])
      v = expand(0.0, shape=[4, 2])
      a = cache_update(k, r, start=0)
      b = add(v, a)
      return a, b
    }`,
  );
});

test("gives a region once what it was given twice, under two names", () => {
  expectPass(
    cse,
    `graph g(x: f32[4]) {
      a = tanh(x)
      b = tanh(x)
      y = fused pointwise(a, b) {
        s = sub(a, b)
        t = add(s, b)
        return t
      }
      return y
    }`,
    "graph g(x: f32[4]) { a = tanh(x) y = fused pointwise(a) { s = sub(a, a) t = add(s, a) return t } return y }",
  );
});

test("tells two ops of a user apart that share a name", () => {
  const act = (k: number) =>
    definePointwise({
      name: "act",
      summary: `times ${k}`,
      operands: ["x"],
      scalar: ([x]) => k * x,
      wgsl: ([x]) => `${x} * ${k}`,
    });
  const b = new GraphBuilder("g");
  const x = b.input("x", parseType("f32[4]"));
  const graph = b.build([b.op(act(2), [x], {}, "a"), b.op(act(3), [x], {}, "b")]);
  assert.is(cse.run(graph), graph);
});

test("reports the node that goes", () => {
  assert.equal(
    verdicts(
      cse,
      `graph g(x: f32[4]) {
    a = tanh(x)
    b = tanh(x)
    y = mul(a, b)
    return y
  }`,
    ),
    { b: "fired" },
  );
});

test.run();
