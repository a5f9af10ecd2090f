// Layer norm in primitive ops, as text whose steps a test can write otherwise.

const STEPS = {
  mean: "mean = reduce_mean(x)",
  centered: "d = sub(x, mean)",
  squares: "squares = mul(d, d)",
  variance: "variance = reduce_mean(squares)",
  epsilon: "ve = add(variance, 0.00001)",
  rstd: "rstd = rsqrt(ve)",
  normalized: "n = mul(d, rstd)",
  scaled: "s = mul(n, gain)",
  shifted: "y = add(s, shift)",
};
export type Steps = Partial<typeof STEPS>;

const INPUTS = "x: f32[T, 4], gain: f32[4], shift: f32[4]";

/** The graph with some steps spelled otherwise; an empty one is left out. */
export function layerNormGraph(steps: Steps = {}, { inputs = INPUTS, results = "y" } = {}): string {
  const lines = Object.values({ ...STEPS, ...steps }).filter((line) => line !== "");
  return `graph g(${inputs}) {\n${lines.join("\n")}\nreturn ${results}\n}`;
}

/** What it is fused into. */
export function fusedLayerNormGraph(
  { statement = "y = layer_norm(x, gain, shift)", before = "", after = "" } = {},
  { inputs = INPUTS, results = "y" } = {},
): string {
  return `graph g(${inputs}) {\n${before}\n${statement}\n${after}\nreturn ${results}\n}`;
}
