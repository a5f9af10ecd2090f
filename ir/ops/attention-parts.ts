import { attr } from "../attr.ts";
import { at, CompileError } from "../errors.ts";
import { defineOp } from "../op.ts";
import { type Dim, dimEquals, printDim, printType, tensorType } from "../type.ts";
import { add } from "./add.ts";
import { concat } from "./concat.ts";
import { div } from "./div.ts";
import { equal } from "./equal.ts";
import { exp } from "./exp.ts";
import { iota } from "./iota.ts";
import { matmul } from "./matmul.ts";
import { mul } from "./mul.ts";
import { reduceMax } from "./reduce-max.ts";
import { reduceSum } from "./reduce-sum.ts";
import { reshape } from "./reshape.ts";
import { select } from "./select.ts";
import { slice } from "./slice.ts";
import { sub } from "./sub.ts";
import { transpose } from "./transpose.ts";

const NAME = "attention_parts";

/** The largest score of a part without keys: finite, so that no weight becomes a NaN. */
const LEAST = -3.4028234663852886e38;

/**
 * Attention of one query [1, H·D] over the first `length` rows of the caches [S, KV·D], as `scaled_dot_product_attention` has it,
 * cut over the keys: part p has ⌈length / parts⌉ of them from p times as many on, the last parts fewer or none. Of each part and head,
 * m is its largest score, or the least f32 of a part without keys. Results: the mixtures Σₖ exp(sₖ − m) · vₖ as [parts, 1, H·D], and m and
 * Σₖ exp(sₖ − m) as [parts, 1, H, 2]. `attention_merge` makes attention of them (Dao et al., arXiv 2205.14135, section 3.1).
 */
export const attentionParts = defineOp({
  name: NAME,
  summary: "attention of one query, cut into parts over the keys",
  operands: ["query", "keys", "values"],
  attrs: {
    n_head: attr.int(),
    n_kv_head: attr.int(0),
    length: attr.dim(),
    scale: attr.float(),
    parts: attr.int(),
  },
  traits: {
    anchor: true,
    ranges: (_, { length }) => [1, 2].map((operand) => ({ operand, axis: 0, start: 0, length: length as Dim })),
  },
  cases: [
    { types: ["f32[1, 8]", "f32[6, 8]", "f32[6, 8]"], attrs: { n_head: 2, length: 4, scale: 0.5, parts: 2 } },
    {
      types: ["f32[1, 128]", "f32[70, 128]", "f32[70, 128]"],
      attrs: { n_head: 2, length: 70, scale: 0.125, parts: 4 },
    },
    // Two heads of keys for six of queries; more parts than keys.
    {
      types: ["f32[1, 24]", "f32[9, 8]", "f32[9, 8]"],
      attrs: { n_head: 6, n_kv_head: 2, length: 9, scale: 0.5, parts: 3 },
    },
    { types: ["f32[1, 9]", "f32[3, 9]", "f32[3, 9]"], attrs: { n_head: 3, length: 3, scale: 0.5, parts: 5 } },
  ],
  infer([query, keys, values], { n_head, n_kv_head, length, parts }) {
    const shared = n_kv_head || n_head;
    const width = query.shape[1];
    if (n_head < 1 || shared < 1 || n_head % shared !== 0 || parts < 1)
      throw new CompileError(
        NAME,
        `n_head is ${n_head}, n_kv_head ${n_kv_head} and parts ${parts}`,
        "all are 1 or more, and n_kv_head divides n_head",
      );
    if (
      query.dtype !== "f32" ||
      query.shape.length !== 2 ||
      query.shape[0] !== 1 ||
      typeof width !== "number" ||
      width % n_head !== 0
    )
      throw new CompileError(
        NAME,
        `query is ${printType(query)}, but n_head is ${n_head}`,
        "it is f32[1, C], where n_head divides C",
      );
    const own = (width / n_head) * shared;
    for (const [name, t] of Object.entries({ keys, values }))
      if (t.dtype !== "f32" || t.shape.length !== 2 || !dimEquals(at(t.shape, 1), own))
        throw new CompileError(
          NAME,
          `${name} is ${printType(t)}, but query is ${printType(query)}`,
          `it is f32[S, ${own}]: ${shared} heads of ${width / n_head}`,
        );
    const room = [keys, values].map((t) => at(t.shape, 0));
    if (room.some((n) => typeof n === "number" && typeof length === "number" && n < length))
      throw new CompileError(
        NAME,
        `length is ${printDim(length)}, but keys are ${printType(keys)} and values ${printType(values)}`,
        "length must stay within both",
      );
    return [tensorType("f32", [parts, 1, width]), tensorType("f32", [parts, 1, n_head, 2])];
  },
  decompose(emit, [query, keys, values], { n_head, n_kv_head, length, scale, parts }) {
    const one = (...args: Parameters<typeof emit>) => at(emit(...args), 0);
    const width = Number(query.type.shape[1]);
    const [size, shared] = [width / n_head, n_kv_head || n_head];
    const group = n_head / shared;
    const heads = (x: typeof query, perm: readonly number[]) =>
      one(
        transpose,
        [one(reshape, [one(slice, [x], { axis: 0, start: 0, length })], { shape: [length, shared, 1, size] })],
        {
          perm,
        },
      );
    const whole = (n: Dim) => one(iota, [], { start: n, length: 1 });
    const q = one(reshape, [query], { shape: [shared, group, 1, size] });
    const scores = one(mul, [one(matmul, [q, heads(keys, [1, 2, 3, 0])]), scale]); // [KV, G, 1, L]
    const share = one(div, [one(add, [whole(length), whole(parts - 1)]), whole(parts)]);
    const partOf = one(div, [one(iota, [], { length }), share]);
    const isOwn = one(equal, [
      partOf,
      one(reshape, [one(iota, [], { length: parts })], { shape: [parts, 1, 1, 1, 1] }),
    ]);
    const own = one(select, [isOwn, scores, LEAST]); // [P, KV, G, 1, L]
    const largest = one(reduceMax, [own]);
    const weights = one(select, [isOwn, one(exp, [one(sub, [own, largest])]), 0]);
    const mixture = one(matmul, [weights, heads(values, [1, 2, 0, 3])]);
    const shape = [parts, 1, n_head, 1];
    const sum = one(reshape, [one(reduceSum, [weights])], { shape });
    return [
      one(reshape, [mixture], { shape: [parts, 1, width] }),
      one(concat, [one(reshape, [largest], { shape }), sum], { axis: 3 }),
    ];
  },
});
