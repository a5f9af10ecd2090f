import { suite } from "uvu";
import { parseGraph } from "../../ir/parse.ts";
import { interpret } from "../../ir/interpret.ts";
import { onGpu } from "../support/gpu.ts";
import { runOnGpu } from "../support/run-plan.ts";
import { assertClose, seededTensor } from "../support/tensors.ts";
const test = suite("smoke");
const gpuTest = onGpu(test);
const cases: Record<string, string> = {
  negliteral: `graph g(x: f32[3]) { a = neg(-1.0) b = mul(x, a) return b }`,
  inf: `graph g(x: f32[3]) { b = minimum(x, inf) c = greater(b, 0.5) d = select(c, x, -inf) return d }`,
  nan: `graph g(x: f32[3]) { c = greater(x, 0.5) d = select(c, x, nan) return d }`,
  iotaneg: `graph g() { i = iota(start=-3, length=7) return i }`,
  big: `graph g(x: f32[3]) { b = mul(x, 1e21) c = mul(b, 1e-50) return c }`,
  maxi32: `graph g(x: i32[3, 4]) { m = reduce_max(x) return m }`,
  maxu32: `graph g(x: u32[3, 4]) { m = reduce_max(x) s = reduce_sum(x) return m, s }`,
  meani32: `graph g(x: i32[3, 4]) { m = reduce_mean(x) return m }`,
  mulxx: `graph g(x: f32[3, 4]) { m = mul(x, x) return m }`,
  matmulxx: `graph g(x: f32[4, 4]) { m = matmul(x, x) return m }`,
  matmulxx1: `graph g(x: f32[1, 1]) { m = matmul(x, x) return m }`,
  attnxxx: `graph g(x: f32[8, 8]) { m = scaled_dot_product_attention(x, x, x, n_head=2, length=8, scale=0.5) return m }`,
  attnxxv: `graph g(x: f32[8, 8], v: f32[8, 8]) { m = scaled_dot_product_attention(x, x, v, n_head=2, length=8, scale=0.5) return m }`,
  attnreader: `graph g(q: f32[8, 8], k: f32[8, 8], v: f32[8, 8]) { m = scaled_dot_product_attention(q, k, v, n_head=2, length=8, scale=0.5) y = add(m, v) return y }`,
  empty: `graph g(x: f32[0, 4]) { y = neg(x) return y }`,
  emptysym: `graph g(x: f32[T, 0, 4]) { y = neg(x) return y }`,
  emptyreduce: `graph g(x: f32[3, 0]) { y = reduce_sum(x) return y }`,
  emptymm: `graph g(x: f32[3, 0], w: f32[0, 4]) { y = matmul(x, w) return y }`,
  emptymm1: `graph g(x: f32[1, 0], w: f32[0, 4]) { y = matmul(x, w) return y }`,
  emptymm2: `graph g(x: f32[3, 0], w: f32[4, 0]) { t = transpose(w, perm=[1, 0]) y = matmul(x, t) return y }`,
  emptymm3: `graph g(x: f32[3, 5], w: f32[5, 0]) { y = matmul(x, w) return y }`,
  emptyln: `graph g(x: f32[0, 5], w: f32[5], b: f32[5]) { y = layer_norm(x, w, b) return y }`,
  emptyconcat: `graph g(x: f32[3, 0], w: f32[3, 2]) { y = concat(x, w, axis=1) return y }`,
  retinput: `graph g(x: f32[3]) { y = neg(x) return x, y, y, x }`,
  symbolsname: `graph g(symbols: f32[T]) { y = neg(symbols) return y }`,
  temporary: `graph g(temporary.0: f32[4], w: f32[4, 4]) { a = reduce_sum(w) b = mul(a, temporary.0) c = reduce_max(b) d = add(c, temporary.0) return d }`,
  ln1: `graph g(x: f32[5], w: f32[5], b: f32[5]) { y = layer_norm(x, w, b) return y }`,
  ln3: `graph g(x: f32[2, T, 5], w: f32[5], b: f32[5]) { y = layer_norm(x, w, b) return y }`,
  splitsplit: `graph g(x: f32[3, 4], w: f32[4, 8]) { y = fused matmul(x, w) { m = matmul(x, w) a, b = split(m, sizes=[4, 4]) c = neg(a) d, e = split(c, sizes=[2, 2]) f = neg(e) return d, f, b } return y }`.replace("y = fused", "y, z, u = fused").replace("} return y", "} return y, z, u"),
  lnprologue: `graph g(x: f32[3, 4], s: f32[4], b: f32[4], w: f32[4, 8]) { y = fused matmul(x, s, b, w) { n = layer_norm(x, s, b) m = matmul(n, w) return m } return y }`,
  unstored: `graph g(x: f32[3, 4], w: f32[4, 8]) { y, z = fused matmul(x, w) { n = neg(x) m = matmul(n, w) return m, n } return y, z }`,
  twostreams: `graph g(x: f32[3, 4], w: f32[4, 8]) { y = fused matmul(x, w) { m = matmul(x, w) a, b = split(m, sizes=[4, 4]) c = add(a, b) return c } return y }`,
  f16: `graph g(x: f16[3]) { y = neg(x) return y }`,
  f16b: `graph g(x: f32[3]) { a = cast(x, to=f16) y = cast(a, to=f32) return y }`,
  boolred: `graph g(x: bool[3, 4]) { y = reduce_max(x) return y }`,
  pow0: `graph g(x: f32[4]) { a = mul(x, 0.0) y = pow(a, a) return y }`,
  idiv: `graph g(x: i32[4]) { a = add(x, 1) b = sub(-7, x) y = div(b, a) n = neg(-2147483648) m = mul(n, x) return y, m }`,
  exps: `graph g(x: f32[4]) { a = mul(x, 100.0) b = exp(a) c = log(x) d = sqrt(x) e = rsqrt(x) return b, c, d, e }`,
  chain: `graph g(x: f32[4, 6]) { ${Array.from({ length: 9 }, (_, i) => `a${i} = transpose(${i === 0 ? "x" : `b${i - 1}`}, perm=[1, 0]) b${i} = reshape(a${i}, shape=[${i % 2 ? "4, 6" : "3, 8"}])`).join(" ")} return b8 }`,
};
for (const [name, text] of Object.entries(cases)) if (!process.env["ONLY"] || name.includes(process.env["ONLY"]))
  gpuTest(name, async () => {
    const g = parseGraph(text);
    const symbols = { T: 3, P: 2 };
    const inputs = new Map(g.inputs.map(({ value }, i) => [value.name, seededTensor(value.type, symbols, i + 1)]));
    const got = await runOnGpu(g, inputs, symbols);
    const wanted = interpret(g, inputs, symbols);
    wanted.forEach((w, i) => assertClose(got[i] ?? w, w, { rtol: 1e-5, atol: 1e-5 }, `${name} ${i}`));
  });
test.run();
