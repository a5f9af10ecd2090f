// Masks that are almost causal. Attention with one of them stays as it is, and the report says what the mask lets through.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseGraph } from "../../ir/parse.ts";
import { fuseAttention } from "../../passes/fuse-attention.ts";
import { attentionGraph, type Frame, type Steps } from "./attention-text.ts";
import { expectRefusal } from "./expect-report.ts";

const test = suite("fuse-attention: masks");

const refuses = (steps: Steps, predicate: string, facts: string, options: Frame = {}): void => {
  expectRefusal(fuseAttention, attentionGraph(steps, options), { site: "e", predicate, facts });
};

test("no mask: every query sees every key", () => {
  refuses(
    { masked: "", max: "mx = reduce_max(s)", shifted: "sh = sub(s, mx)" },
    "masks-scores",
    "s is mul(s0, 0.5), not select",
  );
});

test("masked scores that still count", () => {
  refuses({ masked: "m = select(c, s, -1.0)" }, "masks-scores", "a masked score becomes -1.0");
  refuses({ masked: "m = select(c, s, nan)" }, "masks-scores", "a masked score becomes nan");
});

test("a mask that lets a query see the keys after it", () => {
  refuses(
    { mask: "c = less_equal(qc, ka)" },
    "mask-is-causal",
    "c lets a key through where j − i − P ≥ 0; causal is i + P − j ≥ 0",
  );
});

test("a mask that hides a query's own key", () => {
  refuses({ mask: "c = less(ka, qc)" }, "mask-is-causal", "causal is i + P", { decode: false });
});

test("a mask that shows one key too many", () => {
  refuses({ mask: "next = add(qc, 1)\nc = less_equal(ka, next)" }, "mask-is-causal", "+ 1");
});

test("a mask that forgets the tokens before", () => {
  refuses(
    {
      queryAt: `qa = iota(length=T)
    qc = reshape(qa, shape=[T, 1])`,
    },
    "mask-is-causal",
    "c lets a key through",
  );
});

test("more queries than keys, so that the first see none", () => {
  refuses(
    {
      keys: "k3 = reshape(k, shape=[9, 2, 4])\nkt = transpose(k3, perm=[1, 2, 0])",
      values: "v3 = reshape(v, shape=[9, 2, 4])\nvt = transpose(v3, perm=[1, 0, 2])",
      query: "q3 = reshape(q, shape=[12, 2, 4])\nqt = transpose(q3, perm=[1, 0, 2])",
      queryAt: "qa = iota(start=-3, length=12)\nqc = reshape(qa, shape=[12, 1])",
      keyAt: "ka = iota(length=9)",
      merged: "y = reshape(ot, shape=[12, 8])",
    },
    "every-query-sees-a-key",
    "there are 12 queries for 9 keys, so that the first may see none",
    { inputs: "q: f32[12, 8], k: f32[9, 8], v: f32[9, 8]" },
  );
});

test("a window of the last few keys", () => {
  refuses({ mask: "back = sub(qc, 2)\nc = greater(ka, back)" }, "mask-is-causal", "c lets a key through");
});

test("a mask of its own for every head", () => {
  refuses(
    {
      mask: `head = iota(length=2)
        hc = reshape(head, shape=[2, 1, 1])
        later = add(qc, hc)
        c = less_equal(ka, later)`,
    },
    "mask-is-causal",
    "h",
  );
});

test("a mask in blocks, for a cast truncates: 2·⌊i/2⌋ is not i", () => {
  refuses(
    {
      mask: `qf = cast(qc, to=f32)
        qh = mul(qf, 0.5)
        qi = cast(qh, to=i32)
        q2 = mul(qi, 2)
        c = less_equal(ka, q2)`,
    },
    "mask-is-causal",
    "not a comparison of positions",
  );
});

test("a difference of unsigned positions, which is never below 0", () => {
  refuses(
    { mask: "qu = cast(qc, to=u32)\nku = cast(ka, to=u32)\nd = sub(qu, ku)\nc = greater_equal(d, 0u)" },
    "mask-is-causal",
    "not a comparison of positions",
  );
});

test("positions that are doubled on both sides: a form is compared term by term", () => {
  refuses(
    { mask: "q2 = mul(qc, 2)\nk2 = mul(ka, 2)\nc = less_equal(k2, q2)" },
    "mask-is-causal",
    "c lets a key through where 2·i + 2·P − 2·j ≥ 0",
  );
});

test("a mask that is reshaped, whose rows hide in divisions", () => {
  refuses(
    { mask: "narrow = less_equal(ka, qc)\nc = reshape(narrow, shape=[1, T, P+T])" },
    "mask-is-causal",
    "c is reshape(narrow), not a comparison of positions",
  );
});

test("a mask by the number of rows, which is called as a place is", () => {
  const graph = parseGraph(
    attentionGraph({ queryAt: "qa = iota(start=T, length=1)\nqc = reshape(qa, shape=[1, 1])" }).replaceAll(
      /\bT\b/g,
      "i",
    ),
  );
  const facts: (string | undefined)[] = [];
  assert.is(
    fuseAttention.run(graph, ({ refusal }) => facts.push(refusal?.facts)),
    graph,
  );
  assert.equal(facts, ["c lets a key through where i − j ≥ 0; causal is i' + P − j ≥ 0"]);
});

test("a mask that is an input", () => {
  refuses({ queryAt: "", keyAt: "", mask: "" }, "mask-is-causal", "c is an input", {
    inputs: "q: f32[T, 8], state k: f32[9, 8], state v: f32[9, 8], c: bool[T, P+T]",
  });
});

test("a mask with an axis that the scores lack", () => {
  refuses(
    {
      queryAt: "qa = iota(start=P, length=T)\nqc = reshape(qa, shape=[1, 1, T, 1])",
      turned: "o3 = reshape(o, shape=[2, T, 4])\not = transpose(o3, perm=[1, 0, 2])",
    },
    "mask-is-causal",
    "c is bool[1, 1, T, P+T], which widens the scores",
  );
});

test("coordinates out of a square, which are no affine form", () => {
  refuses(
    {
      queryAt: `all = iota(length=16)
          square = reshape(all, shape=[4, 4])
          row = slice(square, axis=1, length=1)
          qc = slice(row, length=T, start=P)`,
      keyAt: "ka = iota(length=P+T)",
    },
    "mask-is-causal",
    "c lets a key through",
    { decode: true },
  );
});

test.run();
