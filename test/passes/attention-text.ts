// Causal attention over a cache in primitive ops, as text whose steps a test can write otherwise. Two heads of four.

const STEPS = {
  query: "q3 = reshape(q, shape=[T, 2, 4])\nqt = transpose(q3, perm=[1, 0, 2])",
  keys: "kp = slice(k, length=P+T)\nk3 = reshape(kp, shape=[P+T, 2, 4])\nkt = transpose(k3, perm=[1, 2, 0])",
  values: "vp = slice(v, length=P+T)\nv3 = reshape(vp, shape=[P+T, 2, 4])\nvt = transpose(v3, perm=[1, 0, 2])",
  product: "s0 = matmul(qt, kt)",
  scaled: "s = mul(s0, 0.5)",
  queryAt: "qa = iota(start=P, length=T)\nqc = reshape(qa, shape=[T, 1])",
  keyAt: "ka = iota(length=P+T)",
  mask: "c = less_equal(ka, qc)",
  masked: "m = select(c, s, -1e10)",
  max: "mx = reduce_max(m)",
  shifted: "sh = sub(m, mx)",
  exp: "e = exp(sh)",
  sum: "su = reduce_sum(e)",
  softmax: "p = div(e, su)",
  mixed: "o = matmul(p, vt)",
  turned: "ot = transpose(o, perm=[1, 0, 2])",
  merged: "y = reshape(ot, shape=[T, 8])",
};
export type Steps = Partial<typeof STEPS>;

export interface Frame {
  readonly inputs?: string;
  readonly results?: string;
  /** The decode step: one new token. */
  readonly decode?: boolean;
}

const INPUTS = "q: f32[T, 8], state k: f32[9, 8], state v: f32[9, 8]";

function frame(lines: readonly string[], { inputs = INPUTS, results = "y", decode = false }: Frame): string {
  const text = `graph g[${decode ? "" : "T, "}P>=0](${inputs}) {\n${lines.filter((line) => line !== "").join("\n")}\nreturn ${results}\n}`;
  return decode ? text.replaceAll(/\bT\b/g, "1") : text;
}

/** The graph with some steps spelled otherwise; an empty one is left out. */
export const attentionGraph = (steps: Steps = {}, options: Frame = {}): string =>
  frame(Object.values({ ...STEPS, ...steps }), options);

/** What it is fused into. */
export const fusedAttentionGraph = (
  {
    statement = "y = scaled_dot_product_attention(q, k, v, n_head=2, length=P+T, scale=0.5)",
    before = "",
    after = "",
  } = {},
  options: Frame = {},
): string => frame([before, statement, after], options);
