// What is almost attention and stays as it is; masks that are almost causal are in fuse-attention-masks.test.ts. Each says
// which predicate is the one that said no.
import { suite } from "uvu";
import { fuseAttention } from "../../passes/fuse-attention.ts";
import { attentionGraph, type Frame, type Steps } from "./attention-text.ts";
import { expectRefusal } from "./expect-report.ts";

const test = suite("fuse-attention: look-alikes");

const refuses = (steps: Steps, predicate: string, facts: string, options: Frame = {}): void => {
  expectRefusal(fuseAttention, attentionGraph(steps, options), { site: "e", predicate, facts });
};

test("a softmax along the queries", () => {
  refuses({ max: "mx = reduce_max(m, axis=1)" }, "subtracts-the-row-maximum", "sh is sub(m, mx), not x − max(x)");
  refuses({ sum: "su = reduce_sum(e, axis=1)" }, "divides-by-the-row-sum", "e is not summed over the last axis");
});

test("a softmax that subtracts nothing, and overflows where attention does not", () => {
  refuses(
    { max: "", shifted: "", exp: "e = exp(m)" },
    "subtracts-the-row-maximum",
    "m is select(c, s, -10000000000.0)",
  );
});

test("the maximum of the scores before they are masked", () => {
  refuses({ max: "mx = reduce_max(s)" }, "subtracts-the-row-maximum", "sh is sub(m, mx)");
});

test("a product with the row's sum", () => {
  refuses({ softmax: "p = mul(e, su)" }, "divides-by-the-row-sum", "p is 1·e·su, not e·su^-1");
});

test("an exponential that is not divided at all", () => {
  refuses(
    { softmax: "p = tanh(e)", merged: "y = reshape(ot, shape=[T, 8])" },
    "divides-by-the-row-sum",
    "e is not divided by su",
    { results: "y, su" },
  );
});

test("scores that are scaled by a tensor", () => {
  refuses(
    { scaled: "s = mul(s0, scale)" },
    "scaled-product-of-query-and-keys",
    "s is mul(s0, scale), not a matmul times a number",
    { inputs: "q: f32[T, 8], state k: f32[9, 8], state v: f32[9, 8], scale: f32[1]" },
  );
});

test("scores with a bias, as relative positions give them", () => {
  refuses(
    {
      scaled: `s1 = mul(s0, 0.5)
    s = add(s1, b)`,
    },
    "scaled-product-of-query-and-keys",
    "s is add(s1, b)",
    {
      inputs: "q: f32[T, 8], state k: f32[9, 8], state v: f32[9, 8], b: f32[2, T, P+T]",
    },
  );
});

test("squared scores", () => {
  refuses({ scaled: "s = mul(s0, s0)" }, "scaled-product-of-query-and-keys", "s is mul(s0, s0)");
});

test("heads that are interleaved", () => {
  refuses(
    { query: "q3 = reshape(q, shape=[T, 4, 2])\nqt = transpose(q3, perm=[2, 0, 1])" },
    "query-heads",
    "qt is transpose(q3), not transpose(reshape(rows), [1,0,2])",
  );
  refuses(
    {
      values: `vp = slice(v, length=P+T)
      v3 = reshape(vp, shape=[P+T, 4, 2])
      vt = transpose(v3, perm=[2, 0, 1])`,
    },
    "value-heads",
    "vt is transpose(v3)",
  );
});

test("groups whose heads of queries lie apart", () => {
  const inputs = "q: f32[T, 24], state k: f32[9, 8], state v: f32[9, 8]";
  const merged = "y = reshape(ot, shape=[T, 24])";
  const rows = (name: string) =>
    `${name}p = slice(${name}, length=P+T)\n${name}4 = reshape(${name}p, shape=[P+T, 2, 1, 4])`;
  refuses(
    {
      query: "q4 = reshape(q, shape=[T, 3, 2, 4])\nqt = transpose(q4, perm=[2, 1, 0, 3])",
      keys: `${rows("k")}\nkt = transpose(k4, perm=[1, 2, 3, 0])`,
      values: `${rows("v")}\nvt = transpose(v4, perm=[1, 2, 0, 3])`,
      turned: "ot = transpose(o, perm=[2, 1, 0, 3])",
      merged,
    },
    "query-heads",
    "qt is transpose(q4)",
    { inputs },
  );
});

test("heads that take their elements from other rows", () => {
  // Six rows of four as three rows of two heads: every shape fits, and no head is where attention would look for it.
  const cut = "shape=[3, 2, 4]";
  refuses(
    {
      query: `q3 = reshape(q, ${cut})\nqt = transpose(q3, perm=[1, 0, 2])`,
      keys: `k3 = reshape(k, ${cut})\nkt = transpose(k3, perm=[1, 2, 0])`,
      values: `v3 = reshape(v, ${cut})\nvt = transpose(v3, perm=[1, 0, 2])`,
      queryAt: "qa = iota(length=3)\nqc = reshape(qa, shape=[3, 1])",
      keyAt: "ka = iota(length=3)",
      merged: "y = reshape(ot, shape=[6, 4])",
    },
    "merges-heads",
    "y is f32[6, 4], but the query rows are f32[3, 8]",
    { inputs: "q: f32[6, 4], k: f32[6, 4], v: f32[6, 4]" },
  );
});

test("one head of keys for all queries, and two of values", () => {
  refuses(
    {
      keys: `kp = slice(k, length=P+T)
        k3 = reshape(kp, shape=[P+T, 1, 4])
        kt = transpose(k3, perm=[1, 2, 0])`,
    },
    "same-heads-and-length",
    "query, keys and values have 2, 1 and 2 heads",
    { inputs: "q: f32[T, 8], state k: f32[9, 4], state v: f32[9, 8]" },
  );
});

test("keys, or values, that do not start at the cache's first row", () => {
  refuses(
    {
      keys: `kp = slice(k, start=1, length=P+T)
        k3 = reshape(kp, shape=[P+T, 2, 4])
        kt = transpose(k3, perm=[1, 2, 0])`,
    },
    "keys-start-at-the-first-row",
    "kp starts at row 1, not at 0",
  );
  refuses(
    {
      values: `vp = slice(v, start=P, length=P+T)
          v3 = reshape(vp, shape=[P+T, 2, 4])
          vt = transpose(v3, perm=[1, 0, 2])`,
    },
    "values-start-at-the-first-row",
    "vp starts at row P",
  );
});

test("probabilities that are scaled before they mix", () => {
  refuses(
    {
      mixed: `p2 = mul(p, 0.9)
    o = matmul(p2, vt)`,
    },
    "mixes-values",
    "p is not the left side of a matmul",
  );
});

test("heads that are merged in another order", () => {
  refuses(
    { turned: "ot = transpose(o, perm=[1, 2, 0])" },
    "merges-heads",
    "y is reshape(ot), not the heads side by side",
  );
});

test("heads that are merged into other rows", () => {
  for (const shape of ["[2, T, 4]", "[T, 4, 2]"])
    refuses({ merged: `y = reshape(ot, shape=${shape})` }, "merges-heads", "but the query rows are f32[T, 8]");
});

test("values that are wider than the keys", () => {
  refuses(
    {
      values: `vp = slice(v, length=P+T)
        v3 = reshape(vp, shape=[P+T, 2, 8])
        vt = transpose(v3, perm=[1, 0, 2])`,
      merged: "y = reshape(ot, shape=[T, 16])",
    },
    "merges-heads",
    "y is f32[T, 16], but the query rows are f32[T, 8]",
    { inputs: "q: f32[T, 8], state k: f32[9, 8], state v: f32[9, 16]" },
  );
});

test("a score matrix that the graph returns", () => {
  refuses({}, "intermediates-are-private", "s0 is also returned by the graph", { results: "y, s0" });
});

test("probabilities that the graph returns", () => {
  refuses({}, "intermediates-are-private", "p is also returned by the graph", { results: "y, p" });
});

test("a row's sum that something else reads", () => {
  refuses(
    { merged: "y = reshape(ot, shape=[T, 8])\nz = log(su)" },
    "intermediates-are-private",
    "su is also read by z",
    { results: "y, z" },
  );
});

test.run();
