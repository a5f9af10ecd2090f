// GPT-2 in primitive ops and in its own words (wte, wpe, ln_1, c_attn, …). Nothing is fused here: that is the passes' work.
import type { Attrs } from "../../attr.ts";
import { GraphBuilder } from "../../builder.ts";
import { at } from "../../errors.ts";
import { type BatchSpec, NEW_TOKENS, PAST_TOKENS } from "../../family.ts";
import type { Graph } from "../../graph.ts";
import type { Op } from "../../op.ts";
import {
  add,
  cacheUpdate,
  cacheWrite,
  cast,
  concat,
  cos,
  div,
  erf,
  exp,
  gather,
  iota,
  lessEqual,
  matmul,
  maximum,
  mul,
  pagedAttention,
  pow,
  reduceMax,
  reduceMean,
  reduceSum,
  reshape,
  rsqrt,
  select,
  sin,
  slice,
  split,
  sub,
  tanh,
  transpose,
} from "../../ops/index.ts";
import { MASKED } from "../../ops/scaled-dot-product-attention.ts";
import { addDims, type Dim, tensorType } from "../../type.ts";
import type { Value } from "../../value.ts";
import { type BatchRows, batchRows, drawTokens } from "../batch-rows.ts";
import { drawToken } from "../draw.ts";
import type { Gpt2Config } from "./config.ts";

const [T, P] = [NEW_TOKENS, PAST_TOKENS];

/** Whether the head is applied to every new position or to the last one only. */
export type LogitsOf = "all" | "last";

/**
 * Where the new tokens come from. `input`: `tokens` i32[T]. `sequence`: the state `tokens` i32[n_ctx + 1] holds the whole
 * sequence by position; a step reads P … P+T−1 of it, so that steps follow each other without the host.
 */
export type TokensFrom = "input" | "sequence";

/**
 * The decoder over `T` new tokens after `P` past ones (P + T ≤ n_ctx): tokens i32[T] → logits f32[T, n_vocab], or
 * f32[1, n_vocab] for the last position alone. A position's keys and values lie side by side in the state `h.N.attn.kv`,
 * [n_ctx, 2 · n_embd].
 * With the last position's logits of a `sequence`, token P+T is drawn from them and appended to it: see `sample_token` for
 * its inputs `settings`, `seed` and `suppressed`. What is drawn depends on seed and position, not on how the steps were cut.
 */
export function buildGpt2(config: Gpt2Config, logits: LogitsOf = "all", tokens: TokensFrom = "input"): Graph {
  return new Gpt2(config).build(logits, tokens);
}

/** The decoder over rows of many sequences; see `Family.batch`. */
export function buildGpt2Batch(config: Gpt2Config, spec: BatchSpec, entry: "decode" | "logits"): Graph {
  return new Gpt2(config).buildBatch(spec, entry === "decode");
}

class Gpt2 {
  readonly #config: Gpt2Config;
  #rows: BatchRows | undefined;
  readonly #graph = new GraphBuilder("gpt2");
  readonly #states: Value[] = [];

  constructor(config: Gpt2Config) {
    this.#config = config;
  }

  build(logits: LogitsOf, from: TokensFrom): Graph {
    const { n_ctx, n_vocab } = this.#config;
    const sequence =
      from === "sequence" ? this.#graph.input("tokens", tensorType("i32", [n_ctx + 1]), "state") : undefined;
    const tokens = sequence
      ? this.#op(slice, [sequence], "tokens.new", { axis: 0, start: P, length: T })
      : this.#graph.input("tokens", tensorType("i32", [T]));
    const y = this.#logits(tokens, logits);
    if (sequence && logits === "last") this.#states.push(drawToken(this.#graph, y, sequence, n_vocab, addDims(P, T)));
    return this.#graph.build([y, ...this.#states]);
  }

  buildBatch(spec: BatchSpec, draws: boolean): Graph {
    const { n_ctx, n_vocab } = this.#config;
    this.#rows = batchRows(this.#graph, n_ctx, spec);
    const y = this.#logits(this.#rows.tokens, "all");
    if (draws) this.#states.push(...drawTokens(this.#graph, this.#rows, y, n_vocab));
    return this.#graph.build([y, ...this.#states]);
  }

  /** Of tokens i32[T]: f32[T, n_vocab], or f32[1, n_vocab] of the last. */
  #logits(tokens: Value, logits: LogitsOf): Value {
    const { n_layer, n_embd, n_vocab, tie_word_embeddings } = this.#config;
    const wte = this.#weight("wte.weight", n_vocab, n_embd);
    let x = this.#op(add, [this.#op(gather, [wte, tokens], "wte"), this.#positions()], "embd"); // [T, C]
    for (let layer = 0; layer < n_layer; layer++) x = this.#block(x, layer);
    if (logits === "last") x = this.#op(slice, [x], "last", { axis: 0, start: addDims(T, -1), length: 1 });
    x = this.#layerNorm(x, "ln_f");
    const head = tie_word_embeddings ? wte : this.#weight("lm_head.weight", n_vocab, n_embd);
    return this.#op(matmul, [x, this.#op(transpose, [head], "lm_head.t", { perm: [1, 0] })], "logits"); // [T, V]
  }

  /** x + attn(ln_1(x)), then x + mlp(ln_2(x)). */
  #block(x: Value, layer: number): Value {
    const h = `h.${layer}`;
    const a = this.#attention(this.#layerNorm(x, `${h}.ln_1`), layer, `${h}.attn`);
    const y = this.#op(add, [x, a], `${h}.attn.residual`);
    return this.#op(add, [y, this.#mlp(this.#layerNorm(y, `${h}.ln_2`), `${h}.mlp`)], `${h}.residual`);
  }

  /** (x − mean) / √(var + eps) · weight + bias, with the variance in two passes. */
  #layerNorm(x: Value, name: string): Value {
    const { n_embd, layer_norm_epsilon } = this.#config;
    const d = this.#op(sub, [x, this.#op(reduceMean, [x], `${name}.mean`)], `${name}.centered`);
    const variance = this.#op(reduceMean, [this.#op(pow, [d, 2], `${name}.squares`)], `${name}.variance`);
    const rstd = this.#op(
      rsqrt,
      [this.#op(add, [variance, layer_norm_epsilon], `${name}.variance_eps`)],
      `${name}.rstd`,
    );
    const n = this.#op(mul, [d, rstd], `${name}.normalized`);
    return this.#op(
      add,
      [
        this.#op(mul, [n, this.#weight(`${name}.weight`, n_embd)], `${name}.scaled`),
        this.#weight(`${name}.bias`, n_embd),
      ],
      name,
    );
  }

  /** Conv1D: x · weight + bias, weight as [in, out]. */
  #linear(x: Value, name: string, from: number, to: number): Value {
    const y = this.#op(matmul, [x, this.#weight(`${name}.weight`, from, to)], `${name}.matmul`);
    return this.#op(add, [y, this.#weight(`${name}.bias`, to)], name);
  }

  #attention(x: Value, layer: number, name: string): Value {
    const { n_embd, n_head, n_ctx } = this.#config;
    const size = n_embd / n_head;
    const S = addDims(P, T);
    const qkv = this.#linear(x, `${name}.c_attn`, n_embd, 3 * n_embd); // [T, 3C]
    const [q, kv] = this.#graph.emit(split, [qkv], { axis: -1, sizes: [n_embd, 2 * n_embd] }, `${name}.qkv`) as [
      Value,
      Value,
    ];
    if (this.#rows) return this.#linear(this.#paged(this.#rows, q, kv, layer, name), `${name}.c_proj`, n_embd, n_embd);
    const heads = (rows: Value, count: Dim, perm: readonly number[], part: string): Value =>
      this.#op(
        transpose,
        [this.#op(reshape, [rows], `${name}.${part}_heads`, { shape: [count, n_head, size] })],
        `${name}.${part}_t`,
        { perm },
      );
    const cache = this.#graph.input(`${name}.kv`, tensorType("f32", [n_ctx, 2 * n_embd]), "state");
    const updated = this.#op(cacheUpdate, [cache, kv], `${name}.kv_cache`, { start: P });
    this.#states.push(updated);
    const past = this.#op(slice, [updated], `${name}.kv_past`, { axis: 0, start: 0, length: S }); // [S, 2C]
    const columns = (part: string, start: number): Value =>
      this.#op(slice, [past], `${name}.${part}`, { axis: 1, start, length: n_embd }); // [S, C]
    const [k, v] = [columns("k", 0), columns("v", n_embd)];
    const keys = heads(k, S, [1, 2, 0], "k"); // [H, D, S]
    const values = heads(v, S, [1, 0, 2], "v"); // [H, S, D]
    const scores = this.#op(matmul, [heads(q, T, [1, 0, 2], "q"), keys], `${name}.scores`); // [H, T, S]
    const p = this.#softmax(this.#masked(this.#scaled(scores, layer, size, name), name), name);
    const mixed = this.#op(matmul, [p, values], `${name}.mixed`); // [H, T, D]
    const merged = this.#op(
      reshape,
      [this.#op(transpose, [mixed], `${name}.mixed_t`, { perm: [1, 0, 2] })],
      `${name}.merged`,
      { shape: [T, n_embd] },
    );
    return this.#linear(merged, `${name}.c_proj`, n_embd, n_embd);
  }

  /** Attention of rows of many sequences, after their keys and values went to the pool. */
  #paged(
    { spec, positions, sequence, pages, slots }: BatchRows,
    q: Value,
    kv: Value,
    layer: number,
    name: string,
  ): Value {
    const { n_embd, n_head } = this.#config;
    const { pages: count, pageSize } = spec;
    const pool = this.#graph.input(`${name}.kv`, tensorType("f32", [count * pageSize, 2 * n_embd]), "state");
    const updated = this.#op(cacheWrite, [pool, kv, slots], `${name}.kv_pool`);
    this.#states.push(updated);
    const columns = (part: string, start: number): Value =>
      this.#op(slice, [updated], `${name}.${part}`, { axis: 1, start, length: n_embd });
    return this.#op(
      pagedAttention,
      [q, columns("k", 0), columns("v", n_embd), positions, sequence, pages],
      `${name}.merged`,
      { n_head, page_size: pageSize, scale: 1 / this.#divisor(layer, n_embd / n_head) },
    );
  }

  #scaled(scores: Value, layer: number, size: number, name: string): Value {
    return this.#op(div, [scores, this.#divisor(layer, size)], `${name}.scaled`);
  }

  /** What scores are divided by. */
  #divisor(layer: number, size: number): number {
    const { scale_attn_weights, scale_attn_by_inverse_layer_idx } = this.#config;
    const divisor = scale_attn_weights ? Math.sqrt(size) : 1;
    return scale_attn_by_inverse_layer_idx ? divisor * (layer + 1) : divisor;
  }

  /** Query i stands at position P + i and sees the keys up to itself. */
  #masked(scores: Value, name: string): Value {
    const rows = this.#op(
      reshape,
      [this.#op(iota, [], `${name}.query_at`, { start: P, length: T })],
      `${name}.query_column`,
      { shape: [T, 1] },
    );
    const causal = this.#op(
      lessEqual,
      [this.#op(iota, [], `${name}.key_at`, { length: addDims(P, T) }), rows],
      `${name}.causal`,
    );
    return this.#op(select, [causal, scores, MASKED], `${name}.masked`);
  }

  #softmax(x: Value, name: string): Value {
    const e = this.#op(
      exp,
      [this.#op(sub, [x, this.#op(reduceMax, [x], `${name}.max`)], `${name}.shifted`)],
      `${name}.exp`,
    );
    return this.#op(div, [e, this.#op(reduceSum, [e], `${name}.sum`)], `${name}.softmax`);
  }

  #mlp(x: Value, name: string): Value {
    const { n_embd, n_inner } = this.#config;
    return this.#linear(
      this.#activation(this.#linear(x, `${name}.c_fc`, n_embd, n_inner), name),
      `${name}.c_proj`,
      n_inner,
      n_embd,
    );
  }

  #activation(x: Value, name: string): Value {
    const { activation_function } = this.#config;
    if (activation_function === "relu") return this.#op(maximum, [x, 0], `${name}.act`);
    const inner =
      activation_function === "gelu_new"
        ? this.#op(
            tanh,
            [
              this.#op(
                mul,
                [
                  this.#op(
                    add,
                    [x, this.#op(mul, [this.#op(pow, [x, 3], `${name}.cube`), 0.044715], `${name}.cubic`)],
                    `${name}.poly`,
                  ),
                  Math.sqrt(2 / Math.PI),
                ],
                `${name}.inner`,
              ),
            ],
            `${name}.tanh`,
          )
        : this.#op(erf, [this.#op(div, [x, Math.SQRT2], `${name}.inner`)], `${name}.erf`);
    return this.#op(
      mul,
      [this.#op(mul, [x, 0.5], `${name}.half`), this.#op(add, [inner, 1], `${name}.one_plus`)],
      `${name}.act`,
    );
  }

  #positions(): Value {
    const { n_embd, n_positions, position_encoding } = this.#config;
    const positions = this.#rows?.positions ?? this.#op(iota, [], "position", { start: P, length: T });
    return position_encoding === "learned"
      ? this.#op(gather, [this.#weight("wpe.weight", n_positions, n_embd), positions], "wpe")
      : this.#sinusoids(positions, n_embd);
  }

  /** sin(p·f) in even columns, cos(p·f) in odd ones, f = 10000^(−2⌊c/2⌋/C) (Vaswani et al., arXiv 1706.03762, 3.5). */
  #sinusoids(positions: Value, width: number): Value {
    const f32 = (x: Value, name: string) => this.#op(cast, [x], name, { to: "f32" });
    const pairs = f32(this.#op(iota, [], "wpe.pair", { length: Math.ceil(width / 2) }), "wpe.pair_f32"); // [C/2]
    const frequencies = this.#op(
      exp,
      [this.#op(mul, [pairs, (-2 * Math.log(10000)) / width], "wpe.exponent")],
      "wpe.frequency",
    );
    const column = this.#op(reshape, [f32(positions, "position_f32")], "position_column", { shape: [T, 1] });
    const angles = this.#op(mul, [column, frequencies], "wpe.angle"); // [T, C/2]
    const shape = [T, Math.ceil(width / 2), 1];
    const part = (op: Op, name: string) =>
      this.#op(reshape, [this.#op(op, [angles], `wpe.${name}`)], `wpe.${name}_column`, { shape });
    const pair = this.#op(concat, [part(sin, "sin"), part(cos, "cos")], "wpe.pairs", { axis: 2 }); // [T, C/2, 2]
    return this.#op(reshape, [pair], "wpe", { shape: [T, 2 * Math.ceil(width / 2)] });
  }

  #weight(name: string, ...shape: readonly number[]): Value {
    return this.#graph.input(name, tensorType("f32", shape), "weight");
  }

  #op(op: Op, operands: readonly (Value | number)[], name: string, attrs: Attrs = {}): Value {
    return at(this.#graph.emit(op, operands, attrs, name), 0);
  }
}
