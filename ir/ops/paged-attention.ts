import { attr } from "../attr.ts";
import { at, CompileError } from "../errors.ts";
import { defineOp, type OpCase } from "../op.ts";
import { dimEquals, printType } from "../type.ts";
import { add } from "./add.ts";
import { div } from "./div.ts";
import { exp } from "./exp.ts";
import { gather } from "./gather.ts";
import { iota } from "./iota.ts";
import { lessEqual } from "./less-equal.ts";
import { matmul } from "./matmul.ts";
import { mul } from "./mul.ts";
import { reduceMax } from "./reduce-max.ts";
import { reduceSum } from "./reduce-sum.ts";
import { reshape } from "./reshape.ts";
import { select } from "./select.ts";
import { sub } from "./sub.ts";
import { transpose } from "./transpose.ts";

const NAME = "paged_attention";

/** Two sequences in four pages of two rows, which lie in any order; one page of each is not used yet. */
const TWO_SEQUENCES = { sequence: [0, 1, 0], positions: [2, 0, 3], pages: [3, 1, 0, 2, 0, 0] };

const caseOf = (width: number, kept: number, attrs: OpCase["attrs"]): OpCase => ({
  types: [`f32[3, ${width}]`, `f32[8, ${kept}]`, `f32[8, ${kept}]`, "i32[3]", "i32[3]", "i32[2, 3]"],
  attrs: { page_size: 2, scale: 0.5, ...attrs },
  given: TWO_SEQUENCES,
});

/**
 * Causal attention of rows that belong to many sequences: `query` [T, H·D] over a pool of rows `keys` and `values` [R, KV·D], which
 * lie in pages of `page_size` rows (Kwon et al., arXiv 2309.06180). Query t stands at `positions`[t] of the sequence `sequence`[t] and
 * sees that sequence's keys up to itself: softmax(scale · Q Kᵀ) V. The key at place p of sequence s is row
 * `pages`[s, ⌊p / page_size⌋] · page_size + p mod page_size of the pool. Of `pages` i32[N, M] only those entries are read that a
 * query sees. From position M · page_size − 1 on it sees every key of its sequence; below 0 it sees none, and its row is NaN. Columns hold heads side by side; each of the `n_kv_head` heads of keys and values serves n_head / n_kv_head heads of
 * queries on end, and 0 of them says as many as `n_head`.
 */
export const pagedAttention = defineOp({
  name: NAME,
  summary: "causal attention of rows of many sequences, over pages",
  operands: ["query", "keys", "values", "positions", "sequence", "pages"],
  attrs: { n_head: attr.int(), n_kv_head: attr.int(0), page_size: attr.int(), scale: attr.float() },
  traits: { anchor: true },
  cases: [
    caseOf(8, 8, { n_head: 2 }),
    caseOf(9, 3, { n_head: 3, n_kv_head: 1 }),
    caseOf(32, 16, { n_head: 4, n_kv_head: 2 }),
    caseOf(40, 40, { n_head: 2 }),
    {
      types: ["f32[2, 128]", "f32[80, 128]", "f32[80, 128]", "i32[2]", "i32[2]", "i32[2, 5]"],
      attrs: { n_head: 2, page_size: 16, scale: 0.125 },
      given: { sequence: [1, 0], positions: [70, 9], pages: [4, 0, 0, 0, 0, 3, 2, 1, 0, 4] },
    },
    // Positions that there is no room for see all that there is.
    { ...caseOf(8, 8, { n_head: 2 }), given: { ...TWO_SEQUENCES, positions: [6, 0, 2147483647] } },
  ],
  infer([query, keys, values, positions, sequence, pages], { n_head, n_kv_head, page_size }) {
    const shared = n_kv_head || n_head;
    const [rows, width] = query.shape;
    const heads = n_head >= 1 && shared >= 1 && n_head % shared === 0;
    if (!heads || page_size < 1)
      throw new CompileError(
        NAME,
        `n_head is ${n_head}, n_kv_head ${n_kv_head} and page_size ${page_size}`,
        "all are 1 or more, and n_kv_head divides n_head",
      );
    if (
      rows === undefined ||
      query.shape.length !== 2 ||
      query.dtype !== "f32" ||
      typeof width !== "number" ||
      width % n_head !== 0
    )
      throw new CompileError(
        NAME,
        `query is ${printType(query)}, but n_head is ${n_head}`,
        "it is f32[T, C], where n_head divides C",
      );
    for (const [name, t] of Object.entries({ keys, values }))
      if (t.dtype !== "f32" || t.shape.length !== 2 || t.shape[1] !== (width / n_head) * shared)
        throw new CompileError(
          NAME,
          `${name} is ${printType(t)}, but query is ${printType(query)}`,
          `it is f32[R, ${(width / n_head) * shared}]: ${shared} heads of ${width / n_head}`,
        );
    for (const [name, t] of Object.entries({ positions, sequence }))
      if (t.dtype !== "i32" || t.shape.length !== 1 || !dimEquals(at(t.shape, 0), rows))
        throw new CompileError(NAME, `${name} is ${printType(t)}, but query is ${printType(query)}`, "one i32 a row");
    if (pages.dtype !== "i32" || pages.shape.length !== 2 || typeof pages.shape[1] !== "number")
      throw new CompileError(
        NAME,
        `pages is ${printType(pages)}, but is to be i32[N, M]`,
        "M pages for each of N sequences",
      );
    return query;
  },
  decompose(emit, [query, keys, values, positions, sequence, pages], { n_head, n_kv_head, page_size, scale }) {
    const one = (...args: Parameters<typeof emit>) => at(emit(...args), 0);
    const [rows, width] = [at(query.type.shape, 0), at(query.type.shape, 1)];
    const shared = n_kv_head || n_head;
    const [size, group] = [Number(width) / n_head, n_head / shared];
    const room = Number(pages.type.shape[1]) * page_size;
    // The rows of each query's sequence: [T, S].
    const own = one(reshape, [one(gather, [pages, sequence])], { shape: [rows, room / page_size, 1] });
    const first = one(mul, [own, one(iota, [], { start: page_size, length: 1 })]);
    const table = one(add, [first, one(iota, [], { length: page_size })]);
    const places = one(reshape, [table], { shape: [rows, room] });
    const heads = (x: typeof query, perm: readonly number[]) =>
      one(transpose, [one(reshape, [one(gather, [x, places])], { shape: [rows, room, shared, 1, size] })], { perm });
    const q = one(reshape, [query], { shape: [rows, shared, group, 1, size] });
    const scores = one(mul, [one(matmul, [q, heads(keys, [0, 2, 3, 4, 1])]), scale]); // [T, KV, G, 1, S]
    const sees = one(lessEqual, [
      one(iota, [], { length: room }),
      one(reshape, [positions], { shape: [rows, 1, 1, 1, 1] }),
    ]);
    const masked = one(select, [sees, scores, Number.NEGATIVE_INFINITY]);
    const e = one(exp, [one(sub, [masked, one(reduceMax, [masked])])]);
    const p = one(div, [e, one(reduceSum, [e])]);
    return one(reshape, [one(matmul, [p, heads(values, [0, 2, 3, 1, 4])])], { shape: [rows, width] });
  },
});
