// A decoder of Llama's shape in primitive ops (Touvron et al., arXiv 2302.13971): RMS norm, rotary positions (arXiv
// 2104.09864), grouped keys and values (arXiv 2305.13245), SwiGLU (arXiv 2002.05202).
import {
  add,
  addDims,
  type BatchRows,
  type BatchSpec,
  batchRows,
  cacheUpdate,
  cacheWrite,
  cast,
  concat,
  concatRecipe,
  cos,
  div,
  drawToken,
  drawTokens,
  exp,
  type Graph,
  GraphBuilder,
  gather,
  iota,
  lessEqual,
  matmul,
  mul,
  NEW_TOKENS,
  neg,
  PAST_TOKENS,
  pagedAttention,
  reduceMax,
  reduceMean,
  reduceSum,
  reshape,
  reshapeRecipe,
  rsqrt,
  select,
  sin,
  slice,
  split,
  sub,
  tensorRecipe,
  tensorType,
  transpose,
  transposeRecipe,
  type Value,
} from "wgpt/ir";
import type { LlamaConfig } from "./config.ts";

const [T, P] = [NEW_TOKENS, PAST_TOKENS];
const S = addDims(P, T);

/** The cosines and sines of all positions' angles, f32[T, 1, head_size / 2, 1]. */
interface Rotation {
  readonly cos: Value;
  readonly sin: Value;
}

/** Logits of every new position, f32[T, n_vocab], or of the last one, from which the next token is drawn. */
export const buildLlama = (config: LlamaConfig, logitsOf: "all" | "last"): Graph =>
  decoder(config, logitsOf === "last");

/** Logits of rows of many sequences, f32[T, n_vocab], for each of which the next token is drawn or not; see `Family.batch`. */
export const buildLlamaBatch = (config: LlamaConfig, spec: BatchSpec, draws: boolean): Graph =>
  decoder(config, draws, spec);

function decoder(config: LlamaConfig, draws: boolean, spec?: BatchSpec): Graph {
  const { n_layer, n_ctx, n_embd, n_head, n_kv_head, head_size, n_inner, n_vocab } = config;
  const b = new GraphBuilder("llama");
  const states: Value[] = [];
  const batch = spec && batchRows(b, n_ctx, spec);
  const [queryWidth, width, group] = [n_head * head_size, n_kv_head * head_size, n_head / n_kv_head];

  const weight = (name: string, ...shape: readonly number[]) =>
    b.input(`${name}.weight`, tensorType("f32", shape), "weight");
  /** A Linear's matrix, which is stored as [out, in]. */
  const stored = (name: string, from: number, to: number) => tensorRecipe(`${name}.weight`, [to, from]);
  /** x · Wᵀ: loading turns the matrix. */
  const linear = (x: Value, name: string, from: number, to: number) =>
    b.op(matmul, [x, b.weight(`${name}.weight`, transposeRecipe(stored(name, from, to), [1, 0]))], {}, name);
  /**
   * A Linear to heads, as a matrix [in, heads · head_size] whose columns 2i and 2i + 1 of a head are outputs i and i + head_size / 2,
   * which are rotated together: transformers rotates halves, and scores do not change where queries and keys are put in the same order.
   */
  const inPairs = (name: string, heads: number) => {
    const halves = reshapeRecipe(stored(name, n_embd, heads * head_size), [heads, 2, head_size / 2, n_embd]);
    return reshapeRecipe(transposeRecipe(halves, [3, 0, 2, 1]), [n_embd, heads * head_size]);
  };
  /** x · [W₁, W₂]ᵀ for two Linears, whose columns alternate: f32[T, to, 2]. */
  const alternating = (x: Value, name: string, parts: readonly [string, string], from: number, to: number) => {
    const both = concatRecipe(
      parts.map((part) => stored(`${name}.${part}`, from, to)),
      0,
    );
    const columns = transposeRecipe(reshapeRecipe(both, [2, to, from]), [2, 1, 0]);
    const matrix = b.weight(`${name}.${parts.join("_")}.weight`, reshapeRecipe(columns, [from, 2 * to]));
    const product = b.op(matmul, [x, matrix], {}, `${name}.${parts.join("_")}`);
    return b.op(reshape, [product], { shape: [T, to, 2] }, `${name}.pairs`);
  };
  /** The first and the second of each pair along the last axis, each with 1 there. */
  const firstAndSecond = (pairs: Value, name: string): readonly [Value, Value] =>
    b.emit(split, [pairs], { axis: -1, sizes: [1, 1] }, `${name}.parts`) as [Value, Value];
  /** x / √(mean(x²) + eps) · weight */
  const norm = (x: Value, name: string): Value => {
    const mean = b.op(reduceMean, [b.op(mul, [x, x], {}, `${name}.squares`)], {}, `${name}.mean`);
    const scale = b.op(rsqrt, [b.op(add, [mean, config.rms_norm_eps], {}, `${name}.mean_eps`)], {}, `${name}.rstd`);
    return b.op(mul, [b.op(mul, [x, scale], {}, `${name}.normalized`), weight(name, n_embd)], {}, name);
  };

  /** Angle p · theta^(−2i / head_size) for position p and pair i. */
  const rotation = (): Rotation => {
    const half = head_size / 2;
    const f32 = (x: Value, name: string) => b.op(cast, [x], { to: "f32" }, `${name}.f32`);
    const pair = f32(b.op(iota, [], { length: half }, "pair"), "pair");
    const exponents = b.op(mul, [pair, -Math.log(config.rope_theta) / half], {}, "pair.exponent");
    const frequencies = b.op(reshape, [b.op(exp, [exponents])], { shape: [half, 1] }, "pair.frequency");
    const position = f32(batch?.positions ?? b.op(iota, [], { start: P, length: T }, "position"), "position");
    const rows = b.op(reshape, [position], { shape: [T, 1, 1, 1] }, "position.rows");
    const angles = b.op(mul, [rows, frequencies], {}, "angle");
    return { cos: b.op(cos, [angles], {}, "cos"), sin: b.op(sin, [angles], {}, "sin") };
  };
  /** Each pair (x, y) → (x·cos − y·sin, y·cos + x·sin), of rows f32[T, heads · head_size]. */
  const rotate = (rows: Value, by: Rotation, heads: number, name: string): Value => {
    const pairs = b.op(reshape, [rows], { shape: [T, heads, head_size / 2, 2] }, `${name}.pairs`);
    const [x, y] = firstAndSecond(pairs, name);
    const rotatedX = b.op(sub, [b.op(mul, [x, by.cos]), b.op(mul, [y, by.sin])], {}, `${name}.rotated_first`);
    const rotatedY = b.op(add, [b.op(mul, [y, by.cos]), b.op(mul, [x, by.sin])], {}, `${name}.rotated_second`);
    const rotated = b.op(concat, [rotatedX, rotatedY], { axis: 3 }, `${name}.rotated`);
    return b.op(reshape, [rotated], { shape: [T, heads * head_size] }, `${name}.at`);
  };

  const softmax = (x: Value, name: string): Value => {
    const e = b.op(exp, [b.op(sub, [x, b.op(reduceMax, [x], {}, `${name}.max`)], {}, `${name}.shifted`)]);
    return b.op(div, [e, b.op(reduceSum, [e], {}, `${name}.sum`)], {}, name);
  };
  /** Attention over the caches, after the new rows: f32[T, heads · head_size]. */
  const overCaches = (q: Value, k: Value, v: Value, name: string): Value => {
    /** The rows so far, with the new ones: [KV, 1, …], the axes of positions and a head's columns ordered by `perm`. */
    const cached = (rows: Value, what: string, perm: readonly number[]): Value => {
      const cache = b.input(`${name}.${what}`, tensorType("f32", [n_ctx, width]), "state");
      const updated = b.op(cacheUpdate, [cache, rows], { start: P }, `${name}.${what}_cache`);
      states.push(updated);
      const past = b.op(slice, [updated], { axis: 0, start: 0, length: S }, `${name}.${what}_past`);
      const heads = b.op(reshape, [past], { shape: [S, n_kv_head, 1, head_size] }, `${name}.${what}_heads`);
      return b.op(transpose, [heads], { perm }, `${name}.${what}_turned`);
    };
    const keys = cached(k, "k", [1, 2, 3, 0]); // [KV, 1, D, S]
    const values = cached(v, "v", [1, 2, 0, 3]); // [KV, 1, S, D]
    const groups = { shape: [T, n_kv_head, group, head_size] };
    const rotated = b.op(reshape, [q], groups, `${name}.q_groups`);
    const queries = b.op(transpose, [rotated], { perm: [1, 2, 0, 3] }, `${name}.q_turned`); // [KV, G, T, D]
    const scores = b.op(div, [b.op(matmul, [queries, keys], {}, `${name}.scores`), Math.sqrt(head_size)]);
    const queryAt = b.op(reshape, [b.op(iota, [], { start: P, length: T })], { shape: [T, 1] });
    const sees = b.op(lessEqual, [b.op(iota, [], { length: S }), queryAt], {}, `${name}.causal`);
    const mixed = b.op(
      matmul,
      [softmax(b.op(select, [sees, scores, -1e10]), `${name}.softmax`), values],
      {},
      `${name}.mixed`,
    );
    const merged = b.op(transpose, [mixed], { perm: [2, 0, 1, 3] }, `${name}.merged`); // [T, KV, G, D]
    return b.op(reshape, [merged], { shape: [T, queryWidth] }, `${name}.rows`);
  };
  /** The same for rows of many sequences: each row's keys and values go to its sequence's page, and it sees those up to itself. */
  const overPages = (q: Value, k: Value, v: Value, name: string, rows: BatchRows): Value => {
    const { positions, sequence, pages, slots } = rows;
    const { pages: count, pageSize } = rows.spec;
    const pool = (fresh: Value, what: string): Value => {
      const before = b.input(`${name}.${what}`, tensorType("f32", [count * pageSize, width]), "state");
      const updated = b.op(cacheWrite, [before, fresh, slots], {}, `${name}.${what}_pool`);
      states.push(updated);
      return updated;
    };
    const attrs = { n_head, n_kv_head, page_size: pageSize, scale: 1 / Math.sqrt(head_size) };
    const operands = [q, pool(k, "k"), pool(v, "v"), positions, sequence, pages];
    return b.op(pagedAttention, operands, attrs, `${name}.rows`);
  };
  const attention = (x: Value, name: string, by: Rotation): Value => {
    const matrix = concatRecipe(
      [
        inPairs(`${name}.q_proj`, n_head),
        inPairs(`${name}.k_proj`, n_kv_head),
        transposeRecipe(stored(`${name}.v_proj`, n_embd, width), [1, 0]),
      ],
      1,
    );
    const joint = b.op(matmul, [x, b.weight(`${name}.qkv_proj.weight`, matrix)], {}, `${name}.qkv_proj`);
    const [q, k, v] = b.emit(split, [joint], { axis: 1, sizes: [queryWidth, width, width] }, `${name}.qkv`) as [
      Value,
      Value,
      Value,
    ];
    const turned = [rotate(q, by, n_head, `${name}.q`), rotate(k, by, n_kv_head, `${name}.k_new`)] as const;
    const rows = batch ? overPages(...turned, v, name, batch) : overCaches(...turned, v, name);
    return linear(rows, `${name}.o_proj`, queryWidth, n_embd);
  };
  /** (silu(x · gate) · (x · up)) · down, with silu(g) = g / (1 + e^−g) */
  const mlp = (x: Value, name: string): Value => {
    const [gate, up] = firstAndSecond(
      alternating(x, name, ["gate_proj", "up_proj"], n_embd, n_inner),
      `${name}.gate_up`,
    );
    const below = b.op(add, [b.op(exp, [b.op(neg, [gate])]), 1], {}, `${name}.below`);
    const act = b.op(mul, [b.op(div, [gate, below], {}, `${name}.silu`), up], {}, `${name}.act`);
    const rows = b.op(reshape, [act], { shape: [T, n_inner] }, `${name}.rows`);
    return linear(rows, `${name}.down_proj`, n_inner, n_embd);
  };

  const sequence = batch?.states.tokens ?? b.input("tokens", tensorType("i32", [n_ctx + 1]), "state");
  const tokens = batch?.tokens ?? b.op(slice, [sequence], { axis: 0, start: P, length: T }, "tokens.new");
  const table = weight("embed_tokens", n_vocab, n_embd);
  let x = b.op(gather, [table, tokens], {}, "embd");
  const by = rotation();
  for (let layer = 0; layer < n_layer; layer++) {
    const name = `layers.${layer}`;
    x = b.op(add, [x, attention(norm(x, `${name}.input_layernorm`), `${name}.self_attn`, by)], {}, `${name}.attended`);
    x = b.op(add, [x, mlp(norm(x, `${name}.post_attention_layernorm`), `${name}.mlp`)], {}, `${name}.residual`);
  }
  if (draws && !batch) x = b.op(slice, [x], { axis: 0, start: addDims(T, -1), length: 1 }, "last");
  const head = config.tie_word_embeddings ? table : weight("lm_head", n_vocab, n_embd);
  const turned = b.op(transpose, [head], { perm: [1, 0] }, "lm_head.t");
  const logits = b.op(matmul, [norm(x, "norm"), turned], {}, "logits");
  if (draws)
    states.push(...(batch ? drawTokens(b, batch, logits, n_vocab) : [drawToken(b, logits, sequence, n_vocab, S)]));
  return b.build([logits, ...states]);
}
