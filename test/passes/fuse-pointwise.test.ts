// Epilogues: how a region grows behind its anchor. Prologues and regions without an anchor are in
// fuse-pointwise-prologues.test.ts; what stays outside in fuse-pointwise-look-alikes.test.ts.
import { suite } from "uvu";
import { definePointwise } from "../../ir/define-pointwise.ts";
import { fusePointwise } from "../../passes/fuse-pointwise.ts";
import { expectPass } from "../support/expect-pass.ts";

const test = suite("fuse-pointwise: epilogues");

const INPUTS = "x: f32[T, 4], w: f32[4, 6], b: f32[6], r: f32[T, 6]";
const graph = (statements: string, { inputs = INPUTS, results = "y" } = {}) =>
  `graph g[T, P>=0](${inputs}) {\n${statements}\nreturn ${results}\n}`;

test("takes a bias, an activation, a scale, a cast and a residual into the matmul", () => {
  const epilogue =
    "s = add(m, b)\na = gelu(s)\nc = mul(a, 0.5)\nh = cast(c, to=f16)\nf = cast(h, to=f32)\ny = add(r, f)";
  expectPass(
    fusePointwise(),
    graph(`m = matmul(x, w)\n${epilogue}`),
    graph(`y = fused matmul(x, w, b, r) {\nm = matmul(x, w)\n${epilogue}\nreturn y\n}`),
  );
});

test("takes relu and a select", () => {
  const epilogue = "a = maximum(m, 0.0)\nc = greater(a, r)\ny = select(c, a, r)";
  expectPass(
    fusePointwise(),
    graph("m = matmul(x, w)\na = maximum(m, 0.0)\ny = add(a, r)"),
    graph("y = fused matmul(x, w, r) {\nm = matmul(x, w)\na = maximum(m, 0.0)\ny = add(a, r)\nreturn y\n}"),
  );
  // A select reads `a` beside the comparison: two readers, which join together.
  expectPass(
    fusePointwise(),
    graph(`m = matmul(x, w)\n${epilogue}`),
    graph(`y = fused matmul(x, w, r) {\nm = matmul(x, w)\n${epilogue}\nreturn y\n}`),
  );
});

test("takes an op of a user's with no further work", () => {
  const swish = definePointwise({
    name: "swish",
    summary: "x / (1 + e^−x)",
    operands: ["x"],
    accepts: ["f32"],
    scalar: ([x]) => x / (1 + Math.exp(-x)),
    wgsl: ([x]) => `${x} / (1.0 + exp(-${x}))`,
  });
  expectPass(
    fusePointwise(),
    graph("m = matmul(x, w)\ny = swish(m)"),
    graph("y = fused matmul(x, w) {\nm = matmul(x, w)\ny = swish(m)\nreturn y\n}"),
    undefined,
    [swish],
  );
});

test("cuts a product into three and writes two of them into caches: one region, three results", () => {
  const inputs = "x: f32[T, 4], w: f32[4, 6], b: f32[6], state k: f32[9, 2], state v: f32[9, 2]";
  const results = "q, k2, v2";
  const body = `m = matmul(x, w)
      s = add(m, b)
      q, kn, vn = split(s, sizes=[2, 2, 2])
      k2 = cache_update(k, kn, start=P)
      v2 = cache_update(v, vn, start=P)`;
  expectPass(
    fusePointwise(),
    graph(body, { inputs, results }),
    graph(`q, k2, v2 = fused matmul(x, w, b, k, v) {\n${body}\nreturn q, k2, v2\n}`, { inputs, results }),
  );
});

test("moves the product's elements where a reshape and a transpose put them", () => {
  const body = "m = matmul(x, w)\nh = reshape(m, shape=[T, 2, 3])\ny = transpose(h, perm=[1, 0, 2])";
  expectPass(fusePointwise(), graph(body), graph(`y = fused matmul(x, w) {\n${body}\nreturn y\n}`));
});

test("goes on behind one part of a split", () => {
  const body = "m = matmul(x, w)\na, c = split(m, sizes=[2, 4])\ny = tanh(a)";
  expectPass(
    fusePointwise(),
    graph(body, { results: "y, c" }),
    graph(`c, y = fused matmul(x, w) {\n${body}\nreturn c, y\n}`, { results: "y, c" }),
  );
});

test("grows behind every anchor: a normalisation, a reduction, attention", () => {
  const row = "x: f32[T, 4], g: f32[4], b: f32[4]";
  expectPass(
    fusePointwise(),
    graph("n = layer_norm(x, g, b)\ny = tanh(n)", { inputs: row }),
    graph(
      `y = fused layer_norm(x, g, b) {
        n = layer_norm(x, g, b)
        y = tanh(n)
        return y
      }`,
      { inputs: row },
    ),
  );
  expectPass(
    fusePointwise(),
    graph("m = reduce_mean(x)\ne = add(m, 0.5)\ny = mul(e, 2.0)"),
    graph("y = fused reduce_mean(x) {\nm = reduce_mean(x)\ne = add(m, 0.5)\ny = mul(e, 2.0)\nreturn y\n}"),
  );
  const caches = "q: f32[T, 4], k: f32[9, 4], v: f32[9, 4]";
  const attend = "a = scaled_dot_product_attention(q, k, v, n_head=2, length=P+T, scale=0.5)";
  expectPass(
    fusePointwise(),
    graph(`${attend}\ny = mul(a, 0.5)`, { inputs: caches }),
    graph(`y = fused scaled_dot_product_attention(q, k, v) {\n${attend}\ny = mul(a, 0.5)\nreturn y\n}`, {
      inputs: caches,
    }),
  );
});

test("adds a product to itself", () => {
  const body = "m = matmul(x, w)\ny = add(m, m)";
  expectPass(fusePointwise(), graph(body), graph(`y = fused matmul(x, w) {\n${body}\nreturn y\n}`));
});

test("gives the sum of two products to one of them", () => {
  const inputs = "x: f32[T, 4], w: f32[4, 6], u: f32[4, 6]";
  expectPass(
    fusePointwise(),
    graph("m = matmul(x, w)\nn = matmul(x, u)\ny = add(m, n)", { inputs }),
    graph(
      `n = matmul(x, u)
      y = fused matmul(x, w, n) {
        m = matmul(x, w)
        y = add(m, n)
        return y
      }`,
      { inputs },
    ),
  );
});

test("grows a region that fuse-linear began", () => {
  expectPass(
    fusePointwise(),
    graph("s = fused matmul(x, w, b) {\nm = matmul(x, w)\ns = add(m, b)\nreturn s\n}\ny = gelu(s)"),
    graph("y = fused matmul(x, w, b) {\nm = matmul(x, w)\ns = add(m, b)\ny = gelu(s)\nreturn y\n}"),
  );
});

test.run();
