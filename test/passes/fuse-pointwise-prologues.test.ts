// Prologues, and regions of pointwise ops alone.
import { suite } from "uvu";
import { definePointwise } from "../../ir/define-pointwise.ts";
import { fusePointwise } from "../../passes/fuse-pointwise.ts";
import { expectPass } from "../support/expect-pass.ts";
import { expectRefusal, expectSaysNo } from "./expect-report.ts";

const test = suite("fuse-pointwise: prologues");

const INPUTS = "x: f32[T, 4], w: f32[4, 6], z: f32[T, 4]";
const graph = (statements: string, { inputs = INPUTS, results = "y" } = {}) =>
  `graph g[T, P>=0](${inputs}) {\n${statements}\nreturn ${results}\n}`;

test("computes what only a matmul reads as the matmul reads it", () => {
  const body = "a = add(x, z)\nb = tanh(a)\ny = matmul(b, w)";
  expectPass(fusePointwise(), graph(body), graph(`y = fused matmul(x, z, w) {\n${body}\nreturn y\n}`));
});

test("computes squares as their mean is taken", () => {
  const body = "s = mul(x, x)\ny = reduce_mean(s)";
  expectPass(fusePointwise(), graph(body), graph(`y = fused reduce_mean(x) {\n${body}\nreturn y\n}`));
});

test("negates as the smallest is looked for", () => {
  const body = "a = neg(x)\ny = argmax(a)";
  expectPass(fusePointwise(), graph(body), graph(`y = fused argmax(x) {\n${body}\nreturn y\n}`));
});

test("scales a query as attention reads it", () => {
  const inputs = "q: f32[T, 4], k: f32[9, 4], v: f32[9, 4]";
  const body = "s = mul(q, 0.5)\ny = scaled_dot_product_attention(s, k, v, n_head=2, length=P+T, scale=1)";
  expectPass(
    fusePointwise(),
    graph(body, { inputs }),
    graph(`y = fused scaled_dot_product_attention(q, k, v) {\n${body}\nreturn y\n}`, { inputs }),
  );
});

test("normalises rows as a matmul reads them, whatever it does with its product", () => {
  const inputs = "x: f32[T, 4], g: f32[4], c: f32[4], w: f32[4, 6], b: f32[6]";
  const body = "n = layer_norm(x, g, c)\nm = matmul(n, w)\ny = add(m, b)";
  expectPass(
    fusePointwise(),
    graph(body, { inputs }),
    graph(`y = fused matmul(x, g, c, w, b) {\n${body}\nreturn y\n}`, { inputs }),
  );
});

test("looks embeddings up where they are added", () => {
  const inputs = "tokens: i32[T], wte: f32[11, 4], wpe: f32[9, 4]";
  const body = "t = gather(wte, tokens)\np = iota(start=P, length=T)\nq = gather(wpe, p)\ny = add(t, q)";
  expectPass(
    fusePointwise(),
    graph(body, { inputs }),
    graph(
      `y = fused pointwise(wpe, wte, tokens) {
          p = iota(start=P, length=T)
          q = gather(wpe, p)
          t = gather(wte, tokens)
          y = add(t, q)
          return y
        }`,
      { inputs },
    ),
  );
});

test("makes one region of a chain without an anchor", () => {
  const body = "a = tanh(x)\nb = mul(a, z)\nc = neg(b)\ny = exp(c)";
  expectPass(fusePointwise(), graph(body), graph(`y = fused pointwise(x, z) {\n${body}\nreturn y\n}`));
});

test("makes one region of a tree, with what broadcasts inside", () => {
  expectPass(
    fusePointwise(),
    graph("a = tanh(x)\nb = exp(r)\nc = add(a, b)\nd = neg(z)\ny = mul(c, d)", {
      inputs: "x: f32[T, 4], r: f32[4], z: f32[T, 4]",
    }),
    graph(
      `y = fused pointwise(r, x, z) {
          b = exp(r)
          a = tanh(x)
          c = add(a, b)
          d = neg(z)
          y = mul(c, d)
          return y
        }`,
      { inputs: "x: f32[T, 4], r: f32[4], z: f32[T, 4]" },
    ),
  );
});

test("reads through moves: a transpose, a slice, a reshape", () => {
  const body = `t = transpose(x, perm=[1, 0])
      s = slice(t, start=1, length=2)
      r = reshape(s, shape=[2, 1, T])
      y = neg(r)`;
  expectPass(fusePointwise(), graph(body), graph(`y = fused pointwise(x) {\n${body}\nreturn y\n}`));
});

test("takes an op of a user's with no further work", () => {
  const square = definePointwise({
    name: "square",
    summary: "x²",
    operands: ["x"],
    scalar: ([x]) => x * x,
    wgsl: ([x]) => `${x} * ${x}`,
  });
  const body = "a = square(x)\ny = matmul(a, w)";
  expectPass(fusePointwise(), graph(body), graph(`y = fused matmul(x, w) {\n${body}\nreturn y\n}`), undefined, [
    square,
  ]);
});

test("takes a region of pointwise ops into the anchor that reads it", () => {
  expectPass(
    fusePointwise(),
    graph("a = fused pointwise(x, z) {\ns = add(x, z)\na = tanh(s)\nreturn a\n}\ny = matmul(a, w)"),
    graph("y = fused matmul(x, z, w) {\ns = add(x, z)\na = tanh(s)\ny = matmul(a, w)\nreturn y\n}"),
  );
});

test("prefers the epilogue: between two matmuls, an op goes where it is computed once", () => {
  const inputs = "x: f32[T, 4], w: f32[4, 6], u: f32[6, 3]";
  expectPass(
    fusePointwise(),
    graph("m = matmul(x, w)\na = gelu(m)\ny = matmul(a, u)", { inputs }),
    graph("a = fused matmul(x, w) {\nm = matmul(x, w)\na = gelu(m)\nreturn a\n}\ny = matmul(a, u)", { inputs }),
  );
});

test("leaves a value alone that two nodes read: it would be computed twice", () => {
  expectSaysNo(fusePointwise(), graph("a = tanh(x)\nb = matmul(a, w)\nc = neg(a)", { results: "b, c" }), {
    site: "a",
    predicate: "has-one-reader",
    facts: "a is read by b, c",
  });
});

test("leaves a value alone that the graph returns", () => {
  expectRefusal(fusePointwise(), graph("a = tanh(x)\ny = matmul(a, w)", { results: "y, a" }), {
    site: "a",
    predicate: "has-one-reader",
    facts: "a is read by y and returned by the graph",
  });
});

test("leaves rows alone that two matmuls read: each would normalise them again", () => {
  const inputs = "x: f32[T, 4], g: f32[4], w: f32[4, 6], u: f32[4, 6]";
  expectRefusal(
    fusePointwise(),
    graph("n = layer_norm(x, g, g)\na = matmul(n, w)\nb = matmul(n, u)", { inputs, results: "a, b" }),
    { site: "n", predicate: "has-one-reader", facts: "n is read by a, b" },
  );
});

test("leaves rows alone that are normalised again: a region normalises once", () => {
  const inputs = "x: f32[T, 4], g: f32[4]";
  const before = graph("n = layer_norm(x, g, g)\nm = layer_norm(n, g, g)\ny = tanh(m)", { inputs });
  expectSaysNo(fusePointwise(), before, {
    site: "n",
    predicate: "reader-takes-prologues",
    facts: "y has no anchor that could take in whole rows",
  });
  expectPass(
    fusePointwise(),
    before,
    graph(
      `n = layer_norm(x, g, g)
      y = fused layer_norm(n, g) {
        m = layer_norm(n, g, g)
        y = tanh(m)
        return y
      }`,
      {
        inputs,
      },
    ),
  );
});

test("leaves rows alone that only the epilogue reads: they come by elements", () => {
  const inputs = "x: f32[T, 4], z: f32[T, 6], g: f32[6], w: f32[4, 6]";
  const before = graph("m = matmul(x, w)\nn = layer_norm(z, g, g)\ny = add(m, n)", { inputs });
  expectSaysNo(fusePointwise(), before, {
    site: "n",
    predicate: "reader-takes-prologues",
    facts: "y has no anchor that could take in whole rows",
  });
  expectPass(
    fusePointwise(),
    before,
    graph(
      `n = layer_norm(z, g, g)
      y = fused matmul(x, w, n) {
        m = matmul(x, w)
        y = add(m, n)
        return y
      }`,
      {
        inputs,
      },
    ),
  );
});

test("leaves a split alone: a kernel on the way in makes one value", () => {
  expectRefusal(
    fusePointwise(),
    graph("a, b = split(x, sizes=[1, 3])\nc = matmul(a, b)", { inputs: "x: f32[1, 4]", results: "c" }),
    {
      site: "a",
      predicate: "makes-one-value",
      facts: "split makes 2 values",
    },
  );
});

test("leaves new rows to the kernel that makes them: a cache is written by copying", () => {
  expectRefusal(
    fusePointwise(),
    graph("r = tanh(x)\ny = cache_update(k, r, start=P)", { inputs: "x: f32[T, 4], state k: f32[9, 4]" }),
    { site: "r", predicate: "reader-takes-prologues", facts: "y is cache_update" },
  );
});

test.run();
