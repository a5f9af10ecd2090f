// RMS norm in primitive ops, as text whose steps a test can write otherwise.

const STEPS = {
  squares: "squares = mul(x, x)",
  mean: "power = reduce_mean(squares)",
  epsilon: "pe = add(power, 0.00001)",
  rstd: "rstd = rsqrt(pe)",
  normalized: "n = mul(x, rstd)",
  scaled: "y = mul(n, gain)",
};
export type Steps = Partial<typeof STEPS>;

const INPUTS = "x: f32[T, 4], gain: f32[4]";

/** The graph with some steps spelled otherwise; an empty one is left out. */
export function rmsNormGraph(steps: Steps = {}, { inputs = INPUTS, results = "y" } = {}): string {
  const lines = Object.values({ ...STEPS, ...steps }).filter((line) => line !== "");
  return `graph g(${inputs}) {\n${lines.join("\n")}\nreturn ${results}\n}`;
}

/** What it is fused into. */
export function fusedRmsNormGraph(
  { statement = "y = rms_norm(x, gain, eps=0.00001)", before = "", after = "" } = {},
  { inputs = INPUTS, results = "y" } = {},
): string {
  return `graph g(${inputs}) {\n${before}\n${statement}\n${after}\nreturn ${results}\n}`;
}
