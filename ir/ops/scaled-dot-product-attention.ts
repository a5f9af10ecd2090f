import { attr, attrOf } from "../attr.ts";
import { at, CompileError } from "../errors.ts";
import { defineOp } from "../op.ts";
import { addDims, type Dim, dimEquals, isNeverNegative, printDim, printType, subDims } from "../type.ts";
import { attentionMerge } from "./attention-merge.ts";
import { attentionParts } from "./attention-parts.ts";
import { div } from "./div.ts";
import { exp } from "./exp.ts";
import { iota } from "./iota.ts";
import { lessEqual } from "./less-equal.ts";
import { matmul } from "./matmul.ts";
import { mul } from "./mul.ts";
import { reduceMax } from "./reduce-max.ts";
import { reduceSum } from "./reduce-sum.ts";
import { reshape } from "./reshape.ts";
import { select } from "./select.ts";
import { slice } from "./slice.ts";
import { sub } from "./sub.ts";
import { transpose } from "./transpose.ts";

/** What a masked score becomes where nothing else is said: softmax makes 0 of it, and unlike −∞ it never makes a NaN. */
export const MASKED = -1e10;

/**
 * Causal attention of `query` [T, H·D] over the first `length` rows of the caches [S, KV·D], head by head; columns hold the heads
 * side by side. Each of the `n_kv_head` heads of keys and values serves n_head / n_kv_head heads of queries on end (Ainslie et
 * al., arXiv 2305.13245); 0 of them says as many as `n_head`. Query i stands at position length − T + i and sees the keys up to itself:
 * softmax(mask(scale · Q Kᵀ)) V (Vaswani et al., arXiv 1706.03762), without a score matrix in memory. A masked score becomes
 * `mask_value`: in a row whose other scores lie as low, the keys behind the query count like any other.
 */
export const scaledDotProductAttention = defineOp({
  name: "scaled_dot_product_attention",
  summary: "causal attention over a cache",
  operands: ["query", "keys", "values"],
  attrs: {
    n_head: attr.int(),
    n_kv_head: attr.int(0),
    length: attr.dim(),
    scale: attr.float(),
    mask_value: attr.float(MASKED),
  },
  traits: {
    anchor: true,
    ranges: (_, attrs) =>
      [1, 2].map((operand) => ({ operand, axis: 0, start: 0, length: attrOf<Dim>(attrs, "length") })),
  },
  cases: [
    { types: ["f32[1, 8]", "f32[6, 8]", "f32[6, 8]"], attrs: { n_head: 2, length: 4, scale: 0.5 } },
    { types: ["f32[3, 12]", "f32[9, 12]", "f32[9, 12]"], attrs: { n_head: 3, length: 8, scale: 0.5 } },
    { types: ["f32[1, 128]", "f32[70, 128]", "f32[70, 128]"], attrs: { n_head: 2, length: 70, scale: 0.125 } },
    { types: ["f32[1, 40]", "f32[70, 40]", "f32[70, 40]"], attrs: { n_head: 2, length: 61, scale: 0.125 } },
    { types: ["f32[37, 48]", "f32[40, 48]", "f32[40, 48]"], attrs: { n_head: 3, length: 37, scale: 0.25 } },
    // Two heads of keys for six of queries, and one for all, with one query and with many.
    { types: ["f32[1, 24]", "f32[9, 8]", "f32[9, 8]"], attrs: { n_head: 6, n_kv_head: 2, length: 9, scale: 0.5 } },
    { types: ["f32[5, 24]", "f32[9, 8]", "f32[9, 8]"], attrs: { n_head: 6, n_kv_head: 2, length: 8, scale: 0.5 } },
    { types: ["f32[7, 9]", "f32[8, 3]", "f32[8, 3]"], attrs: { n_head: 3, n_kv_head: 1, length: 8, scale: 0.5 } },
    // Masked scores among the others, for some rows and for all.
    {
      types: ["f32[9, 8]", "f32[9, 8]", "f32[9, 8]"],
      attrs: { n_head: 2, length: 9, scale: 0.5, mask_value: 0.25 },
    },
    {
      types: ["f32[6, 12]", "f32[9, 12]", "f32[9, 12]"],
      attrs: { n_head: 3, length: 8, scale: 0.5, mask_value: Number.NEGATIVE_INFINITY },
    },
    {
      types: ["f32[9, 16]", "f32[9, 8]", "f32[9, 8]"],
      attrs: { n_head: 4, n_kv_head: 2, length: 9, scale: 0.5, mask_value: 0.25 },
    },
  ],
  infer([query, keys, values], { n_head, n_kv_head, length, mask_value }) {
    const width = query.shape[1];
    const shared = n_kv_head || n_head;
    if (n_kv_head !== 0 && (n_kv_head < 0 || n_head % n_kv_head !== 0))
      throw new CompileError(
        "scaled_dot_product_attention",
        `n_kv_head is ${n_kv_head}, but n_head is ${n_head}`,
        "each head of keys serves as many heads of queries as any other",
      );
    const keyWidth = typeof width === "number" && shared !== n_head ? (width / n_head) * shared : width;
    for (const [name, t] of Object.entries({ keys, values }))
      if (
        t.dtype !== query.dtype ||
        t.shape.length !== 2 ||
        query.shape.length !== 2 ||
        keyWidth === undefined ||
        !dimEquals(at(t.shape, 1), keyWidth)
      )
        throw new CompileError(
          "scaled_dot_product_attention",
          `${name} is ${printType(t)}, but query is ${printType(query)}`,
          shared === n_head
            ? "each needs two axes, the last of the same length"
            : `each needs two axes, the last of ${shared} heads instead of ${n_head}`,
        );
    if (typeof width !== "number" || n_head < 1 || width % n_head !== 0)
      throw new CompileError(
        "scaled_dot_product_attention",
        `query is ${printType(query)}, but n_head is ${n_head}`,
        "n_head must divide the width",
      );
    const [rows, room] = [at(query.shape, 0), [keys, values].map((t) => at(t.shape, 0))];
    if (!isNeverNegative(subDims(length, rows)))
      throw new CompileError(
        "scaled_dot_product_attention",
        `query is ${printType(query)}, but length is ${printDim(length)}`,
        "each query needs a key of its own: length must be no less than the number of queries",
      );
    if (room.some((n) => typeof n === "number" && typeof length === "number" && n < length))
      throw new CompileError(
        "scaled_dot_product_attention",
        `length is ${printDim(length)}, but keys are ${printType(keys)} and values ${printType(values)}`,
        "length must stay within both",
      );
    if (Number.isNaN(mask_value) || mask_value === Number.POSITIVE_INFINITY)
      throw new CompileError(
        "scaled_dot_product_attention",
        `mask_value is ${mask_value}, which leaves no number of a row`,
        "a masked score becomes a finite number or -inf",
      );
    return query;
  },
  split(emit, operands, { n_head, n_kv_head, length, scale }, parts) {
    // The one query is the last, and sees every key.
    if (operands[0].type.shape[0] !== 1) return undefined;
    return emit(attentionMerge, emit(attentionParts, operands, { n_head, n_kv_head, length, scale, parts }));
  },
  decompose(emit, [query, keys, values], { n_head, n_kv_head, length, scale, mask_value }) {
    const one = (...args: Parameters<typeof emit>) => at(emit(...args), 0);
    const [rows, width] = [at(query.type.shape, 0), at(query.type.shape, 1)];
    const size = Number(width) / n_head;
    const shared = n_kv_head || n_head;
    // In groups, the heads of keys and of queries are two axes, of which keys and values have one element of the second.
    const grouped = shared !== n_head;
    const turned = (perm: readonly number[]) =>
      grouped ? [1, 2, ...perm.slice(1).map((axis) => (axis === 0 ? 0 : 3))] : perm;
    const heads = (x: typeof query, count: typeof rows, each: number, perm: readonly number[]) =>
      one(transpose, [one(reshape, [x], { shape: grouped ? [count, shared, each, size] : [count, n_head, size] })], {
        perm: turned(perm),
      });
    const group = n_head / shared;
    const q = heads(query, rows, group, [1, 0, 2]);
    const k = heads(one(slice, [keys], { axis: 0, start: 0, length }), length, 1, [1, 2, 0]);
    const v = heads(one(slice, [values], { axis: 0, start: 0, length }), length, 1, [1, 0, 2]);
    const scores = one(mul, [one(matmul, [q, k]), scale]);
    const at0 = subDims(length, rows);
    const queryAt = one(reshape, [one(iota, [], { start: at0, length: rows })], { shape: [rows, 1] });
    const keyAt = one(iota, [], { start: 0, length: addDims(at0, rows) });
    const masked = one(select, [one(lessEqual, [keyAt, queryAt]), scores, mask_value]);
    const e = one(exp, [one(sub, [masked, one(reduceMax, [masked])])]);
    const p = one(div, [e, one(reduceSum, [e])]);
    const perm = grouped ? [2, 0, 1, 3] : [1, 0, 2];
    return one(reshape, [one(transpose, [one(matmul, [p, v])], { perm })], { shape: [rows, width] });
  },
});
