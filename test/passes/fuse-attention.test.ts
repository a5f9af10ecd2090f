// The spellings that are causal attention. What only looks like it is in fuse-attention-look-alikes.test.ts.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { canonicalize } from "../../passes/canonicalize.ts";
import { fuseAttention } from "../../passes/fuse-attention.ts";
import type { Pass } from "../../passes/pass.ts";
import { expectPass } from "../support/expect-pass.ts";
import { attentionGraph, type Frame, fusedAttentionGraph, type Steps } from "./attention-text.ts";
import { verdicts } from "./expect-report.ts";

const test = suite("fuse-attention");

/** Fuses with any number of new tokens, and in the decode step. */
function fuses(
  steps: Steps,
  expected: Parameters<typeof fusedAttentionGraph>[0] = {},
  pass: Pass = fuseAttention,
): void {
  for (const decode of [false, true])
    expectPass(pass, attentionGraph(steps, { decode }), fusedAttentionGraph(expected, { decode }));
}

const attention = (attributes: string, operands = "q, k, v") =>
  `y = scaled_dot_product_attention(${operands}, ${attributes})`;

test("fuses the formula as GPT-2 writes it", () => {
  fuses({});
  assert.equal(verdicts(fuseAttention, attentionGraph()), { e: "fired" });
});

test("takes the scale as a division", () => {
  fuses({ scaled: "s = div(s0, 8.0)" }, { statement: attention("n_head=2, length=P+T, scale=0.125") });
});

test("takes two scales for their product", () => {
  fuses(
    { scaled: "s1 = div(s0, 2.0)\ns = mul(0.125, s1)" },
    { statement: attention("n_head=2, length=P+T, scale=0.0625") },
  );
});

test("takes no scale for 1", () => {
  fuses({ scaled: "", masked: "m = select(c, s0, -1e10)" }, { statement: attention("n_head=2, length=P+T, scale=1") });
});

test("leaves a scale of the query outside", () => {
  fuses(
    {
      query: "qs = mul(q, 0.5)\nq3 = reshape(qs, shape=[T, 2, 4])\nqt = transpose(q3, perm=[1, 0, 2])",
      scaled: "",
      masked: "m = select(c, s0, -1e10)",
    },
    { before: "qs = mul(q, 0.5)", statement: attention("n_head=2, length=P+T, scale=1", "qs, k, v") },
  );
});

test("takes a product with one over the row's sum", () => {
  fuses({ softmax: "r = div(1.0, su)\np = mul(e, r)" });
  fuses({ softmax: "r = div(1.0, su)\np = mul(r, e)" });
});

test("takes the row's maximum added as a negative, once it is respelled", () => {
  const both: Pass = { ...fuseAttention, run: (graph) => fuseAttention.run(canonicalize.run(graph)) };
  fuses({ shifted: "n = neg(mx)\nsh = add(m, n)" }, {}, both);
});

test("takes any comparison that says the same", () => {
  fuses({ mask: "c = greater_equal(qc, ka)" });
  fuses({ mask: "next = add(qc, 1)\nc = less(ka, next)" });
  fuses({ mask: "next = add(qc, 1)\nc = greater(next, ka)" });
  fuses({ mask: "ahead = sub(ka, qc)\nc = less_equal(ahead, 0)" });
  fuses({ mask: "n = neg(ka)\nbehind = add(qc, n)\nc = less(-1, behind)" });
});

test("takes positions counted in f32", () => {
  fuses({ mask: "qf = cast(qc, to=f32)\nkf = cast(ka, to=f32)\nc = less_equal(kf, qf)" });
});

test("takes an offset that is added to the rows", () => {
  fuses({
    queryAt: `past = iota(start=P, length=1)
        row = iota(length=T)
        qa = add(row, past)
        qc = reshape(qa, shape=[T, 1])`,
  });
});

test("takes coordinates that are looked up in a table of positions", () => {
  fuses({
    queryAt: `all = iota(length=9)
        now = iota(start=P, length=T)
        qa = gather(all, now)
        qc = reshape(qa, shape=[T, 1])`,
  });
  fuses({ keyAt: "every = iota(length=9)\nka = slice(every, length=P+T)" });
});

test("takes coordinates and masks that are repeated to the full shape", () => {
  fuses({
    mask: `qw = expand(qc, shape=[T, P+T])
    kw = expand(ka, shape=[2, T, P+T])
    c = less_equal(kw, qw)`,
  });
  fuses({ mask: "narrow = less_equal(ka, qc)\nc = expand(narrow, shape=[2, T, P+T])" });
});

test("takes a mask that is cut out of the mask of the whole context", () => {
  fuses({
    queryAt: "every = iota(length=9)\ncolumn = reshape(every, shape=[9, 1])",
    keyAt: "whole = less_equal(every, column)",
    mask: "rows = slice(whole, start=P, length=T)\nc = slice(rows, axis=1, length=P+T)",
  });
});

test("takes any number as low as a mask, and keeps it: a row's other scores may lie as low", () => {
  for (const low of ["-10000.0", "-3.4028234663852886e+38", "-inf"])
    fuses(
      { masked: `m = select(c, s, ${low})` },
      { statement: attention(`n_head=2, length=P+T, scale=0.5, mask_value=${low}`) },
    );
});

/** Six heads of queries, three on end for each of two heads of keys and values. */
const GROUPED: Frame = { inputs: "q: f32[T, 24], state k: f32[9, 8], state v: f32[9, 8]" };
const IN_GROUPS: Steps = {
  query: "q4 = reshape(q, shape=[T, 2, 3, 4])\nqt = transpose(q4, perm=[1, 2, 0, 3])",
  keys: "kp = slice(k, length=P+T)\nk4 = reshape(kp, shape=[P+T, 2, 1, 4])\nkt = transpose(k4, perm=[1, 2, 3, 0])",
  values: "vp = slice(v, length=P+T)\nv4 = reshape(vp, shape=[P+T, 2, 1, 4])\nvt = transpose(v4, perm=[1, 2, 0, 3])",
  turned: "ot = transpose(o, perm=[2, 0, 1, 3])",
  merged: "y = reshape(ot, shape=[T, 24])",
};
const grouped = (steps: Steps, operands?: string, options: Frame = GROUPED, expected = {}): void => {
  const statement = attention("n_head=6, n_kv_head=2, length=P+T, scale=0.5", operands);
  for (const decode of [false, true])
    expectPass(
      fuseAttention,
      attentionGraph({ ...IN_GROUPS, ...steps }, { ...options, decode }),
      fusedAttentionGraph({ statement, ...expected }, { ...options, decode }),
    );
};

test("takes groups of heads that share keys and values", () => {
  grouped({});
  const turned = (name: string, perm: string, shape: string) =>
    `${name}p = slice(${name}, length=P+T)
      ${name}3 = reshape(${name}p, shape=[P+T, 2, 4])
      ${name}2 = transpose(${name}3, perm=${perm})
      ${name}t = reshape(${name}2, shape=${shape})`;
  grouped({
    keys: turned("k", "[1, 2, 0]", "[2, 1, 4, P+T]"),
    values: turned("v", "[1, 0, 2]", "[2, 1, P+T, 4]"),
  });
});

test("takes keys and values that are repeated for each head of queries", () => {
  const repeated = (name: string, perm: string) =>
    `${name}p = slice(${name}, length=P+T)
      ${name}3 = reshape(${name}p, shape=[P+T, 2, 1, 4])
      ${name}4 = expand(${name}3, shape=[P+T, 2, 3, 4])
      ${name}6 = reshape(${name}4, shape=[P+T, 6, 4])
      ${name}t = transpose(${name}6, perm=${perm})`;
  grouped({
    query: "q3 = reshape(q, shape=[T, 6, 4])\nqt = transpose(q3, perm=[1, 0, 2])",
    keys: repeated("k", "[1, 2, 0]"),
    values: repeated("v", "[1, 0, 2]"),
    turned: "ot = transpose(o, perm=[1, 0, 2])",
  });
});

test("leaves a repetition outside that is none of each head: two heads after each other, three times", () => {
  const tiled = (name: string) =>
    `${name}p = slice(${name}, length=P+T)
      ${name}3 = reshape(${name}p, shape=[P+T, 1, 2, 4])
      ${name}4 = expand(${name}3, shape=[P+T, 3, 2, 4])`;
  const turned = (name: string, perm: string) =>
    `${tiled(name)}\n${name}6 = reshape(${name}4, shape=[P+T, 6, 4])\n${name}t = transpose(${name}6, perm=${perm})`;
  for (const decode of [false, true])
    expectPass(
      fuseAttention,
      attentionGraph(
        {
          query: "q3 = reshape(q, shape=[T, 6, 4])\nqt = transpose(q3, perm=[1, 0, 2])",
          keys: turned("k", "[1, 2, 0]"),
          values: turned("v", "[1, 0, 2]"),
          merged: "y = reshape(ot, shape=[T, 24])",
        },
        { ...GROUPED, decode },
      ),
      fusedAttentionGraph(
        {
          before: `${tiled("k")}\n${tiled("v")}\ny.0 = reshape(k4, shape=[P+T, 24])\ny.1 = reshape(v4, shape=[P+T, 24])`,
          statement: attention("n_head=6, length=P+T, scale=0.5", "q, y.0, y.1"),
        },
        { ...GROUPED, decode },
      ),
    );
});

test("takes one head of keys and values for all queries", () => {
  const options: Frame = { inputs: "q: f32[T, 8], state k: f32[9, 4], state v: f32[9, 4]" };
  const statement = attention("n_head=2, n_kv_head=1, length=P+T, scale=0.5");
  for (const decode of [false, true])
    for (const [keys, values] of [
      [
        "k3 = reshape(kp, shape=[P+T, 1, 4])\nkt = transpose(k3, perm=[1, 2, 0])",
        "v3 = reshape(vp, shape=[P+T, 1, 4])\nvt = transpose(v3, perm=[1, 0, 2])",
      ],
      ["kt = transpose(kp, perm=[1, 0])", "v3 = reshape(vp, shape=[P+T, 1, 4])\nvt = transpose(v3, perm=[1, 0, 2])"],
    ] as const)
      expectPass(
        fuseAttention,
        attentionGraph(
          { keys: `kp = slice(k, length=P+T)\n${keys}`, values: `vp = slice(v, length=P+T)\n${values}` },
          { ...options, decode },
        ),
        fusedAttentionGraph({ statement }, { ...options, decode }),
      );
});

test("takes queries that lie as pairs, as a rotation makes them", () => {
  grouped(
    { query: "qr = neg(q)\nq4 = reshape(qr, shape=[T, 2, 3, 4])\nqt = transpose(q4, perm=[1, 2, 0, 3])" },
    "y.0, k, v",
    { inputs: "q: f32[T, 12, 2], state k: f32[9, 8], state v: f32[9, 8]" },
    { before: "qr = neg(q)\ny.0 = reshape(qr, shape=[T, 24])" },
  );
});

test("fuses without a cache, over the keys and values at hand", () => {
  const inputs = "q: f32[T, 8], k: f32[T, 8], v: f32[T, 8]";
  expectPass(
    fuseAttention,
    attentionGraph(
      {
        keys: "k3 = reshape(k, shape=[T, 2, 4])\nkt = transpose(k3, perm=[1, 2, 0])",
        values: "v3 = reshape(v, shape=[T, 2, 4])\nvt = transpose(v3, perm=[1, 0, 2])",
        queryAt: "qa = iota(length=T)\nqc = reshape(qa, shape=[T, 1])",
        keyAt: "ka = iota(length=T)",
      },
      { inputs },
    ),
    fusedAttentionGraph({ statement: attention("n_head=2, length=T, scale=0.5") }, { inputs }),
  );
});

test("fuses over caches that the step has updated", () => {
  const options: Frame = {
    inputs: "q: f32[T, 8], n: f32[T, 8], state k0: f32[9, 8], state v0: f32[9, 8]",
    results: "y, k, v",
  };
  const update = "k = cache_update(k0, n, start=P)\nv = cache_update(v0, q, start=P)";
  for (const decode of [false, true])
    expectPass(
      fuseAttention,
      attentionGraph(
        { query: `${update}\nq3 = reshape(q, shape=[T, 2, 4])\nqt = transpose(q3, perm=[1, 0, 2])` },
        { ...options, decode },
      ),
      fusedAttentionGraph({ before: update }, { ...options, decode }),
    );
});

test("fuses where layers share the mask", () => {
  const options: Frame = { results: "y, other" };
  const shared = "f = cast(c, to=f32)\nother = reduce_sum(f)";
  expectPass(
    fuseAttention,
    attentionGraph({ merged: `y = reshape(ot, shape=[T, 8])\n${shared}` }, options),
    fusedAttentionGraph(
      {
        before: `qa = iota(start=P, length=T)
            qc = reshape(qa, shape=[T, 1])
            ka = iota(length=P+T)
            c = less_equal(ka, qc)`,
        after: shared,
      },
      options,
    ),
  );
});

test.run();
