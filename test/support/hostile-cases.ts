// What hostile ops are tried in: alone, and beside anchors. Each graph's operands are seeded, and its results compared with the
// interpreter's.
import { hostTensor } from "../../ir/tensor.ts";
import type { KernelCheck } from "../codegen/kernel-check.ts";
import * as elements from "./element-ops.ts";
import { withStir } from "./hostile-kernel.ts";
import * as hostile from "./hostile-ops.ts";

/** Every op of hostile-ops.ts and element-ops.ts. */
export const HOSTILE_OPS = [...Object.values(hostile), ...Object.values(elements)].filter(
  (op) => typeof op === "object",
);

export interface HostileCase {
  readonly name: string;
  readonly text: string;
  readonly check: KernelCheck;
}

export const HOSTILE_CASES: HostileCase[] = [];

function computes(name: string, text: string, check: KernelCheck = {}): void {
  HOSTILE_CASES.push({ name, text, check });
}

const ROWS = { runs: [{ T: 1 }, { T: 5 }] };

for (const [op, rows] of [
  ["rms_row", "g"],
  ["rms_row_shifted", "g, c"],
  ["shifted_first", "g, c"],
  ["unit_row", ""],
  ["centred_unit_row", "g"],
]) {
  const call = `${op}(x${rows === "" ? "" : `, ${rows}`}, eps=0.02)`;
  const head = "g: f32[68], c: f32[68]";
  computes(`${op}, alone`, `graph g(x: f32[T, 68], ${head}) { y = ${call} return y }`, { ...ROWS, terms: 68 });
  computes(
    `${op}, on the way into a matmul`,
    `graph g(x: f32[1, 68], ${head}, weight w: f32[68, 12]) { n = ${call} y = matmul(n, w) return y }`,
    { terms: 136 },
  );
}

computes(
  "a normalised row that the epilogue reads as well",
  `graph g(x: f32[1, 64], g: f32[64], c: f32[64], weight w: f32[64, 64]) {
    n = layer_norm(x, g, c)
    m = matmul(n, w)
    y = add(m, n)
    return y
  }`,
  { terms: 128 },
);

for (const axis of [0, 1])
  computes(
    `folds with ends, orders and identities of their own, along axis ${axis}`,
    `graph g(x: f32[5, T]) {
      a = reduce_rms(x, axis=${axis})
      b = reduce_alternating(x, axis=${axis}, keepdims=false)
      c = reduce_min(x, axis=${axis})
      n = neg(a)
      return n, b, c
    }`,
    { ...ROWS, terms: 5, ulps: 16 },
  );
computes(
  "the smallest of integers, and of none",
  `graph g(i: i32[2, 3], u: u32[2, 3], e: i32[2, 0], f: u32[2, 0]) {
    a = reduce_min(i)
    b = reduce_min(u)
    c = reduce_min(e)
    d = reduce_max(e)
    h = reduce_max(f)
    return a, b, c, d, h
  }`,
);

computes(
  "indices below 0 are compared, divided and shown",
  `graph g(x: f32[T, 4], z: f32[7]) {
    a = delay(x)
    b = roll(x)
    c = roll(z)
    d = halves(length=T)
    e = halves(to=i32)
    f = halves(to=bool)
    h = delay(z, by=T)
    i = delay(x, by=T-1)
    return a, b, c, d, e, f, h, i
  }`,
  { runs: [{ T: 1 }, { T: 6 }] },
);
computes(
  "elements that move the other way behind a matmul",
  `graph g(x: f32[T, 66], weight w: f32[66, 8], b: f32[8]) { m = matmul(x, w) r = reverse(m) y = add(r, b) return y }`,
  { ...ROWS, terms: 66 },
);

computes(
  "a state that is added to in place, element by element",
  "graph g(state acc: f32[3, 4], x: f32[3, 4]) { n = neg(x) y = accumulate(acc, n) return y }",
);
computes(
  "a state that is added to, then read",
  "graph g(state acc: f32[3, 4], x: f32[3, 4]) { y = accumulate(acc, x) z = neg(y) return z, y }",
);
computes(
  "a state that is added to and not returned",
  "graph g(state acc: f32[3, 4], x: f32[3, 4]) { y = accumulate(acc, x) z = neg(y) return z }",
);

computes(
  "pointwise ops of other dtypes, and names that are none in WGSL",
  `graph g(x: f32[T, 66], weight w: f32[66, 8], b: f32[8]) {
    m = matmul(x, w)
    p = __my.own(m)
    c = greater(p, 0.5)
    y = keep_where(p, b, c)
    return p, y
  }`,
  { ...ROWS, terms: 66 },
);

computes(
  "values that are made in the same region, and updated",
  `graph g(x: f32[T, 66], weight w: f32[66, 8], b: f32[T, 8]) {
    m = matmul(x, w)
    y = accumulate(m, b)
    n = neg(b)
    z = accumulate(n, b)
    return y, z
  }`,
  { ...ROWS, terms: 66 },
);

for (const [rows, matrix, turn] of [
  ["1", "i32[64, 8]", "t = cast(w, to=f32)"],
  ["T", "bool[64, 8]", "t = cast(w, to=f32)"],
  ["1", "u32[8, 64]", "f = cast(w, to=f32) t = transpose(f, perm=[1, 0])"],
  ["T", "i32[8, 64]", "f = cast(w, to=f32) t = transpose(f, perm=[1, 0])"],
])
  computes(
    `${rows} rows times a matrix that lies as ${matrix}`,
    `graph g(x: f32[${rows}, 64], w: ${matrix}) { ${turn} y = matmul(x, t) return y }`,
    { ...ROWS, terms: 64 },
  );

computes(
  "three operands that may stand in any order, in several orders",
  `graph g(x: f32[T, 66], weight w: f32[66, 8], b: f32[8], c: f32[T, 8]) {
    m = matmul(x, w)
    p = middle(m, b, c)
    q = middle(c, m, b)
    r = middle(0.5, p, c)
    y = sub(r, q)
    return y, p
  }`,
  { ...ROWS, terms: 66 },
);

computes(
  "pairs of columns that are turned, alone and between other ops",
  `graph g(x: f32[T, 32], cos: f32[T, 8], sin: f32[T, 8]) {
    a = rotary(x, cos, sin)
    n = neg(x)
    t = tanh(n)
    b = rotary(t, cos, sin)
    c = mul(b, 0.5)
    return a, c
  }`,
  { ...ROWS, ulps: 8, terms: 2 },
);
computes(
  "codes with scales of their blocks, alone, and as a matmul's weight",
  `graph g(codes: i32[64, 96], scales: f32[64, 3], x: f32[T, 64]) {
    w = dequantize(codes, scales)
    v = dequantize(codes, scales)
    n = neg(v)
    y = matmul(x, w)
    return n, y
  }`,
  { ...ROWS, terms: 64 },
);
computes(
  "a choice by data, of which one side lies beyond the other's end",
  `graph g(keep: bool[T], a: f32[T], b: f32[T+9]) { n = neg(a) y = keep_or(keep, n, b, past=9) return y }`,
  ROWS,
);
computes(
  "several results that compute, and one that depends on its place",
  `graph g(x: f32[T, 6], speed: f32[3]) { n = neg(x) a, b, c = wave(n, speed) d = add(a, b) return d, c }`,
  { ...ROWS, ulps: 8, terms: 2 },
);
computes(
  "several results that compute, behind a matmul",
  `graph g(x: f32[T, 64], weight w: f32[64, 6], speed: f32[3]) {
    m = matmul(x, w)
    s = mul(m, 0.015625)
    a, b, c = wave(s, speed)
    n = neg(c)
    return a, b, n
  }`,
  // Products are scaled to angles below 1, where sine and cosine pass an error on as it is.
  { ...ROWS, ulps: 8, terms: 64 },
);
computes("all shared functions in one", "graph g(x: f32[T, 5], i: i32[T, 5]) { y = medley(x, i) return y }", {
  ...ROWS,
  ulps: 32,
});

computes(
  "integers divided by 0",
  `graph g(i: i32[4], j: i32[4], u: u32[4]) {
    z = sub(j, j)
    a = div(i, z)
    b = div(i, 0)
    c = div(u, 0u)
    return a, b, c
  }`,
);

/** A projection whose keys and values go to the slots that the data says, as a joint QKV matmul's do. */
export const SLOTS = `graph g(x: f32[4, 64], weight w: f32[64, 24], weight b: f32[24], state k: f32[9, 8], state v: f32[9, 2, 4], slots: i32[4]) {
  m = matmul(x, w)
  s = add(m, b)
  q, keys, values = split(s, sizes=[8, 8, 8])
  k1 = cache_write(k, keys, slots)
  heads = reshape(values, shape=[4, 2, 4])
  v1 = cache_write(v, heads, slots)
  return q, k1, v1
}`;
const slots = new Map([["slots", hostTensor("i32", [4], [7, -1, 0, 9])]]);
computes("rows that go from a matmul to slots that the data says", SLOTS, { terms: 64, given: slots });
computes(
  "the same for one row, whose slot is beyond the cache or in it",
  SLOTS.replaceAll("[4,", "[1,").replace("i32[4]", "i32[1]"),
  { terms: 64, given: new Map([["slots", hostTensor("i32", [1], [8])]]) },
);
computes(
  "slots that are computed, along another axis, alone",
  `graph g(state c: f32[2, 6, 3], rows: f32[2, 3, 3], i: i32[3]) {
    j = sub(i, 1)
    n = neg(rows)
    y = cache_write(c, n, j, axis=1)
    return y
  }`,
  { given: new Map([["i", hostTensor("i32", [3], [6, 0, 2])]]) },
);

/** States that are read as a whole, and then overwritten in other places than those that each element was computed from. */
export const stirs = (
  op: string,
): string => `graph g[T, P>=0](state pot: f32[5, 19], x: f32[T, 19], state log: f32[19]) {
  y, level = ${op}(pot, x, log)
  n = neg(y)
  r = reverse(n)
  fresh = cache_update(pot, r, start=P)
  sum = accumulate(log, level)
  return fresh, sum
}`;
for (const [op, kernels] of Object.entries({ stir: "one kernel", stir_at_once: "several kernels" }))
  computes(`states that are read as a whole, then overwritten, by ${kernels}`, stirs(op), {
    runs: [
      { T: 1, P: 0 },
      { T: 3, P: 2 },
      { T: 5, P: 0 },
    ],
    terms: 8,
    toolkit: withStir,
  });
