// What stays outside a region, and which predicate said so.
import { suite } from "uvu";
import { anchorName } from "../../ir/graph.ts";
import { fusePointwise, type RegionPolicy } from "../../passes/fuse-pointwise.ts";
import { expectPass } from "../support/expect-pass.ts";
import { expectRefusal, expectSaysNo } from "./expect-report.ts";

const test = suite("fuse-pointwise: what stays outside");

const INPUTS = "x: f32[T, 4], w: f32[4, 6], r: f32[T, 6]";
const graph = (statements: string, { inputs = INPUTS, results = "y" } = {}) =>
  `graph g[T, P>=0](${inputs}) {\n${statements}\nreturn ${results}\n}`;

test("the readers of a product that has two", () => {
  expectRefusal(fusePointwise(), graph("m = matmul(x, w)\na = tanh(m)\nb = exp(m)", { results: "a, b" }), {
    site: "m",
    predicate: "has-one-reader",
    facts: "m is read by a, b",
  });
});

test("the reader of a product that the graph returns", () => {
  expectRefusal(fusePointwise(), graph("m = matmul(x, w)\ny = tanh(m)", { results: "y, m" }), {
    site: "m",
    predicate: "has-one-reader",
    facts: "m is read by y and returned by the graph",
  });
});

test("a reduction of the product: it reads a whole row", () => {
  expectRefusal(fusePointwise(), graph("m = matmul(x, w)\ny = reduce_max(m)"), {
    site: "m",
    predicate: "reader-works-element-by-element",
    facts: "y is reduce_max, which reads more than one element at a time",
  });
});

test("rows of the product by index: they come when they come", () => {
  expectRefusal(
    fusePointwise(),
    graph("m = matmul(x, w)\ny = gather(m, ids)", { inputs: "x: f32[T, 4], w: f32[4, 6], ids: i32[2]" }),
    { site: "m", predicate: "reader-works-element-by-element", facts: "y is gather" },
  );
});

test("a slice of the product: which part is made is not asked for", () => {
  expectRefusal(fusePointwise(), graph("m = matmul(x, w)\ny = slice(m, axis=1, length=2)"), {
    site: "m",
    predicate: "reader-works-element-by-element",
    facts: "y is slice",
  });
});

test("a broadcast that makes more of the product", () => {
  expectRefusal(
    fusePointwise(),
    graph("m = matmul(x, w)\ny = add(m, r)", { inputs: "x: f32[1, 4], w: f32[4, 6], r: f32[T, 6]" }),
    { site: "m", predicate: "reader-keeps-the-shape", facts: "y is f32[T, 6], but m is f32[1, 6]" },
  );
  expectRefusal(
    fusePointwise(),
    graph("m = matmul(x, w)\ny = add(m, r)", { inputs: "x: f32[T, 4], w: f32[4, 6], r: f32[2, 1, 1]" }),
    { site: "m", predicate: "reader-keeps-the-shape", facts: "y is f32[2, T, 6]" },
  );
});

test("the difference from a mean: a mean is one element, the row many", () => {
  expectSaysNo(fusePointwise(), graph("m = reduce_mean(x)\ny = sub(x, m)"), {
    site: "m",
    predicate: "reader-keeps-the-shape",
    facts: "y is f32[T, 4], but m is f32[T, 1]",
  });
});

test("an operand that is computed from the region itself", () => {
  // One element of the region's stream would need another one.
  const before = graph("m = matmul(x, w)\na, b = split(m, sizes=[3, 3])\nc = tanh(b)\ny = add(a, c)");
  for (const [site, other] of [
    ["a", "c"],
    ["c", "a"],
  ] as const)
    expectSaysNo(fusePointwise(), before, {
      site,
      predicate: "other-operands-come-from-outside",
      facts: `${other} is itself computed from ${site}'s region`,
    });
  expectPass(
    fusePointwise(),
    before,
    graph(
      `a, c = fused matmul(x, w) {
        m = matmul(x, w)
        a, b = split(m, sizes=[3, 3])
        c = tanh(b)
        return a, c
      }
      y = add(a, c)`,
    ),
  );
});

test("an operand that another kernel computes from the region", () => {
  const inputs = "x: f32[T, 4], w: f32[4, 6], u: f32[3, 3]";
  const before = graph(
    `m = matmul(x, w)
    a, b = split(m, sizes=[3, 3])
    c = matmul(b, u)
    y = add(a, c)`,
    { inputs },
  );
  expectSaysNo(fusePointwise(), before, {
    site: "a",
    predicate: "reader-works-element-by-element",
    facts: "y is a region already, around matmul",
  });
  expectPass(
    fusePointwise(),
    before,
    graph(
      `a, b = fused matmul(x, w) {
        m = matmul(x, w)
        a, b = split(m, sizes=[3, 3])
        return a, b
      }
      y = fused matmul(b, u, a) {
        c = matmul(b, u)
        y = add(a, c)
        return y
      }`,
      { inputs },
    ),
  );
});

test("two sums that each fit a region of its own, and together make the two wait for each other", () => {
  // y needs b2, and z needs a2: with y in the first region and z in the second, neither could come first.
  const inputs = "x: f32[T, 4], w: f32[4, 6], u: f32[4, 6]";
  const results = "y, z";
  expectPass(
    fusePointwise(),
    graph(
      `m = matmul(x, w)
      a1, a2 = split(m, sizes=[3, 3])
      n = matmul(x, u)
      b1, b2 = split(n, sizes=[3, 3])
      y = add(a1, b2)
      z = add(b1, a2)`,
      { inputs, results },
    ),
    graph(
      `b1, b2 = fused matmul(x, u) {
        n = matmul(x, u)
        b1, b2 = split(n, sizes=[3, 3])
        return b1, b2
      }
      y, z = fused matmul(x, w, b2, b1) {
        m = matmul(x, w)
        a1, a2 = split(m, sizes=[3, 3])
        y = add(a1, b2)
        z = add(b1, a2)
        return y, z
      }`,
      { inputs, results },
    ),
  );
});

test("a ninth storage buffer", () => {
  const inputs = `${INPUTS}, ${["a", "b", "c", "d", "e"].map((n) => `${n}: f32[T, 6]`).join(", ")}`;
  const sums = `m = matmul(x, w)
    s1 = add(m, r)
    s2 = add(s1, a)
    s3 = add(s2, b)
    s4 = add(s3, c)
    s5 = add(s4, d)`;
  const before = graph(`${sums}\ny = add(s5, e)`, { inputs });
  expectSaysNo(fusePointwise(), before, {
    site: "s5",
    predicate: "kernel-takes-it",
    facts: "the region needs 9 storage buffers, but a stage has 8",
  });
  expectPass(
    fusePointwise(),
    before,
    graph(`s5 = fused matmul(x, w, r, a, b, c, d) {\n${sums}\nreturn s5\n}\ny = add(s5, e)`, { inputs }),
  );
});

test("no more than eight buffers where two caches are updated in place: each counts once", () => {
  const inputs = "x: f32[T, 4], w: f32[4, 6], b: f32[6], s: f32[6], state k: f32[9, 2], state v: f32[9, 2]";
  const results = "q, k2, v2";
  const body = `m = matmul(x, w)
      m1 = add(m, b)
      m2 = mul(m1, s)
      q, kn, vn = split(m2, sizes=[2, 2, 2])
      k2 = cache_update(k, kn, start=P)
      v2 = cache_update(v, vn, start=P)`;
  expectPass(
    fusePointwise(),
    graph(body, { inputs, results }),
    graph(`q, k2, v2 = fused matmul(x, w, b, s, k, v) {\n${body}\nreturn q, k2, v2\n}`, { inputs, results }),
  );
});

test("whatever a kernel says it can't take", () => {
  const policy: RegionPolicy = {
    refuses: (anchor, body) =>
      body.nodes.some((n) => n.op.name === "tanh") ? `${anchorName(anchor)} has no tanh` : undefined,
  };
  expectRefusal(fusePointwise(policy), graph("m = matmul(x, w)\ny = tanh(m)"), {
    site: "m",
    predicate: "kernel-takes-it",
    facts: "matmul has no tanh",
  });
  expectRefusal(fusePointwise(policy), graph("a = tanh(x)\ny = matmul(a, w)"), {
    site: "a",
    predicate: "kernel-takes-it",
    facts: "matmul has no tanh",
  });
});

test("an op behind a region of pointwise ops that has two readers", () => {
  expectSaysNo(
    fusePointwise(),
    graph(
      `a = neg(x)
    b = tanh(a)
    c = exp(b)
    d = matmul(b, w)`,
      { results: "c, d" },
    ),
    {
      site: "b",
      predicate: "has-one-reader",
      facts: "b is read by c, d",
    },
  );
});

test.run();
