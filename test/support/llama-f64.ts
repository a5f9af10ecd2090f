// Logits of a decoder of Llama's shape in f64, written from the papers in plain loops: nothing of wgpt is used.
export interface LlamaShape {
  readonly n_layer: number;
  readonly n_embd: number;
  readonly n_head: number;
  readonly n_kv_head: number;
  readonly head_size: number;
  readonly rms_norm_eps: number;
  readonly rope_theta: number;
  readonly tie_word_embeddings: boolean;
}

/** The logits of each token; `weight` gives a tensor's elements by its name, row-major. */
export function llamaLogits(
  shape: LlamaShape,
  weight: (name: string) => ArrayLike<number>,
  ids: readonly number[],
): readonly (readonly number[])[] {
  const { n_embd, n_head, n_kv_head, head_size } = shape;
  const linear = (x: readonly number[], name: string): number[] => {
    const w = weight(`${name}.weight`);
    return Array.from({ length: w.length / x.length }, (_, row) =>
      x.reduce((sum, v, i) => sum + v * (w[row * x.length + i] ?? Number.NaN), 0),
    );
  };
  const norm = (x: readonly number[], name: string): number[] => {
    const w = weight(`${name}.weight`);
    const rms = Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / x.length + shape.rms_norm_eps);
    return x.map((v, i) => (v / rms) * (w[i] ?? Number.NaN));
  };
  /** One head, turned by its position: pair i is (x[i], x[i + half]). */
  const rotate = (x: readonly number[], position: number): number[] => {
    const half = head_size / 2;
    return x.map((v, i) => {
      const angle = position * shape.rope_theta ** (-(i % half) / half);
      const other = i < half ? -(x[i + half] ?? Number.NaN) : (x[i - half] ?? Number.NaN);
      return v * Math.cos(angle) + other * Math.sin(angle);
    });
  };
  const headsOf = (x: readonly number[]): number[][] =>
    Array.from({ length: x.length / head_size }, (_, h) => x.slice(h * head_size, (h + 1) * head_size));
  const plus = (a: readonly number[], b: readonly number[]): number[] => a.map((v, i) => v + (b[i] ?? Number.NaN));

  let rows = ids.map((id) =>
    Array.from({ length: n_embd }, (_, i) => weight("embed_tokens.weight")[id * n_embd + i] ?? 0),
  );
  for (let layer = 0; layer < shape.n_layer; layer++) {
    const name = `layers.${layer}`;
    const normed = rows.map((x) => norm(x, `${name}.input_layernorm`));
    const project = (part: string) => normed.map((x) => headsOf(linear(x, `${name}.self_attn.${part}`)));
    const q = project("q_proj").map((heads, p) => heads.map((h) => rotate(h, p)));
    const k = project("k_proj").map((heads, p) => heads.map((h) => rotate(h, p)));
    const v = project("v_proj");
    rows = rows.map((x, t) => {
      const mixed = Array.from({ length: n_head }, (_, h) => {
        const shared = Math.floor((h * n_kv_head) / n_head);
        const scores = k.slice(0, t + 1).map((keys) => {
          const dot = (keys[shared] ?? []).reduce((sum, a, i) => sum + a * (q[t]?.[h]?.[i] ?? Number.NaN), 0);
          return Math.exp(dot / Math.sqrt(head_size));
        });
        const total = scores.reduce((sum, s) => sum + s, 0);
        return Array.from({ length: head_size }, (_, i) =>
          scores.reduce((sum, s, key) => sum + (s / total) * (v[key]?.[shared]?.[i] ?? Number.NaN), 0),
        );
      }).flat();
      return plus(x, linear(mixed, `${name}.self_attn.o_proj`));
    });
    rows = rows.map((x) => {
      const h = norm(x, `${name}.post_attention_layernorm`);
      const up = linear(h, `${name}.mlp.up_proj`);
      const act = linear(h, `${name}.mlp.gate_proj`).map((g, i) => (g / (1 + Math.exp(-g))) * (up[i] ?? Number.NaN));
      return plus(x, linear(act, `${name}.mlp.down_proj`));
    });
  }
  const head = shape.tie_word_embeddings ? "embed_tokens" : "lm_head";
  return rows.map((x) => linear(norm(x, "norm"), head));
}
