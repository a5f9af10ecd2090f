// A decoder of Llama's shape in primitive ops (Touvron et al., arXiv 2302.13971): RMS norm, rotary positions (arXiv
// 2104.09864, in halves as transformers has them), grouped keys and values (arXiv 2305.13245), SwiGLU (arXiv 2002.05202).
import {
  add,
  addDims,
  cacheUpdate,
  cast,
  concat,
  cos,
  type Dim,
  div,
  drawToken,
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
  reduceMax,
  reduceMean,
  reduceSum,
  reshape,
  rsqrt,
  select,
  sin,
  slice,
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

/** The cosines and sines of all positions' angles, f32[T, 1, head_size / 2]. */
interface Rotation {
  readonly cos: Value;
  readonly sin: Value;
}

/** Logits of every new position, f32[T, n_vocab], or of the last one, from which the next token is drawn. */
export function buildLlama(config: LlamaConfig, logitsOf: "all" | "last"): Graph {
  const { n_layer, n_ctx, n_embd, n_head, n_kv_head, head_size, n_inner, n_vocab } = config;
  const b = new GraphBuilder("llama");
  const states: Value[] = [];
  const [width, group] = [n_kv_head * head_size, n_head / n_kv_head];

  const weight = (name: string, ...shape: readonly number[]) =>
    b.input(`${name}.weight`, tensorType("f32", shape), "weight");
  /** x · Wᵀ: a Linear keeps its matrix as [out, in], and loading turns it. */
  const linear = (x: Value, name: string, from: number, to: number) => {
    const stored = tensorRecipe(`${name}.weight`, [to, from]);
    return b.op(matmul, [x, b.weight(`${name}.weight`, transposeRecipe(stored, [1, 0]))], {}, name);
  };
  /** x / √(mean(x²) + eps) · weight */
  const norm = (x: Value, name: string): Value => {
    const mean = b.op(reduceMean, [b.op(mul, [x, x], {}, `${name}.squares`)], {}, `${name}.mean`);
    const scale = b.op(rsqrt, [b.op(add, [mean, config.rms_norm_eps], {}, `${name}.mean_eps`)], {}, `${name}.rstd`);
    return b.op(mul, [b.op(mul, [x, scale], {}, `${name}.normalized`), weight(name, n_embd)], {}, name);
  };

  /** Angle p · theta^(−2i / head_size) for position p and pair i. */
  const rotation = (): Rotation => {
    const half = head_size / 2;
    const at = (start: Dim, length: Dim, name: string) =>
      b.op(cast, [b.op(iota, [], { start, length }, name)], { to: "f32" }, `${name}.f32`);
    const exponents = b.op(mul, [at(0, half, "pair"), -Math.log(config.rope_theta) / half], {}, "pair.exponent");
    const rows = b.op(reshape, [at(P, T, "position")], { shape: [T, 1, 1] }, "position.rows");
    const angles = b.op(mul, [rows, b.op(exp, [exponents], {}, "pair.frequency")], {}, "angle");
    return { cos: b.op(cos, [angles], {}, "cos"), sin: b.op(sin, [angles], {}, "sin") };
  };
  /** [x₁, x₂] → [x₁·cos − x₂·sin, x₂·cos + x₁·sin], the halves of each head of x: f32[T, heads, head_size]. */
  const rotate = (x: Value, by: Rotation, name: string): Value => {
    const half = (start: number) =>
      b.op(slice, [x], { axis: 2, start, length: head_size / 2 }, `${name}.half${start === 0 ? 1 : 2}`);
    const [x1, x2] = [half(0), half(head_size / 2)];
    const product = (v: Value, factor: "cos" | "sin") => b.op(mul, [v, by[factor]]);
    const first = b.op(sub, [product(x1, "cos"), product(x2, "sin")], {}, `${name}.first`);
    const second = b.op(add, [product(x2, "cos"), product(x1, "sin")], {}, `${name}.second`);
    return b.op(concat, [first, second], { axis: 2 }, name);
  };

  const softmax = (x: Value, name: string): Value => {
    const e = b.op(exp, [b.op(sub, [x, b.op(reduceMax, [x], {}, `${name}.max`)], {}, `${name}.shifted`)]);
    return b.op(div, [e, b.op(reduceSum, [e], {}, `${name}.sum`)], {}, name);
  };
  const attention = (x: Value, name: string, by: Rotation): Value => {
    const heads = (rows: Value, count: Dim, n: number, what: string) =>
      b.op(reshape, [rows], { shape: [count, n, head_size] }, `${name}.${what}`);
    const cached = (rows: Value, what: string, perm: readonly number[]): Value => {
      const cache = b.input(`${name}.${what}`, tensorType("f32", [n_ctx, width]), "state");
      const updated = b.op(cacheUpdate, [cache, rows], { start: P }, `${name}.${what}_cache`);
      states.push(updated);
      const past = b.op(slice, [updated], { axis: 0, start: 0, length: S }, `${name}.${what}_past`);
      const shape = [n_kv_head, 1, ...perm.slice(1).map((axis) => (axis === 0 ? S : head_size))];
      const turned = b.op(transpose, [heads(past, S, n_kv_head, `${what}_heads`)], { perm }, `${name}.${what}_turned`);
      return b.op(reshape, [turned], { shape }, `${name}.${what}_shared`);
    };
    const q = rotate(
      heads(linear(x, `${name}.q_proj`, n_embd, n_head * head_size), T, n_head, "q"),
      by,
      `${name}.q_at`,
    );
    const k = rotate(heads(linear(x, `${name}.k_proj`, n_embd, width), T, n_kv_head, "k_new"), by, `${name}.k_at`);
    const v = linear(x, `${name}.v_proj`, n_embd, width);
    const keys = cached(b.op(reshape, [k], { shape: [T, width] }, `${name}.k_rows`), "k", [1, 2, 0]); // [KV, 1, D, S]
    const values = cached(v, "v", [1, 0, 2]); // [KV, 1, S, D]
    const groups = b.op(reshape, [q], { shape: [T, n_kv_head, group, head_size] }, `${name}.q_groups`);
    const queries = b.op(transpose, [groups], { perm: [1, 2, 0, 3] }, `${name}.q_turned`); // [KV, G, T, D]
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
    const rows = b.op(reshape, [merged], { shape: [T, n_head * head_size] }, `${name}.rows`);
    return linear(rows, `${name}.o_proj`, n_head * head_size, n_embd);
  };
  /** (silu(x · gate) · (x · up)) · down, with silu(g) = g / (1 + e^−g) */
  const mlp = (x: Value, name: string): Value => {
    const [gate, up] = ["gate_proj", "up_proj"].map((part) => linear(x, `${name}.${part}`, n_embd, n_inner)) as [
      Value,
      Value,
    ];
    const below = b.op(add, [b.op(exp, [b.op(neg, [gate])]), 1], {}, `${name}.below`);
    const act = b.op(mul, [b.op(div, [gate, below], {}, `${name}.silu`), up], {}, `${name}.act`);
    return linear(act, `${name}.down_proj`, n_inner, n_embd);
  };

  const sequence = b.input("tokens", tensorType("i32", [n_ctx + 1]), "state");
  const tokens = b.op(slice, [sequence], { axis: 0, start: P, length: T }, "tokens.new");
  const table = weight("embed_tokens", n_vocab, n_embd);
  let x = b.op(gather, [table, tokens], {}, "embd");
  const by = rotation();
  for (let layer = 0; layer < n_layer; layer++) {
    const name = `layers.${layer}`;
    x = b.op(add, [x, attention(norm(x, `${name}.input_layernorm`), `${name}.self_attn`, by)], {}, `${name}.attended`);
    x = b.op(add, [x, mlp(norm(x, `${name}.post_attention_layernorm`), `${name}.mlp`)], {}, `${name}.residual`);
  }
  if (logitsOf === "last") x = b.op(slice, [x], { axis: 0, start: addDims(T, -1), length: 1 }, "last");
  const head = config.tie_word_embeddings ? table : weight("lm_head", n_vocab, n_embd);
  const turned = b.op(transpose, [head], { perm: [1, 0] }, "lm_head.t");
  const logits = b.op(matmul, [norm(x, "norm"), turned], {}, "logits");
  if (logitsOf === "last") states.push(drawToken(b, logits, sequence, n_vocab, S));
  return b.build([logits, ...states]);
}
