// Places where generated WGSL goes wrong quietly: literals, empty tensors, values met twice, numbers at the ends of their
// range. Each graph runs as it is written, without a pass that could hide it, and again as a user would compile it.
import * as fc from "fast-check";
import { suite } from "uvu";
import { hostTensor } from "../../ir/tensor.ts";
import { onGpu } from "../support/gpu.ts";
import { RANDOM_SYMBOLS, randomGraph } from "../support/random-graph.ts";
import { ALL_PASSES, CHECKED_TARGETS, checkKernels, type KernelCheck } from "./kernel-check.ts";

const test = suite("kernels: traps");
const gpuTest = onGpu(test);
const targets = CHECKED_TARGETS.slice(0, 1);

function trap(name: string, text: string, check: KernelCheck = {}): void {
  gpuTest(name, async (gpu) => {
    for (const disable of [ALL_PASSES, []]) await checkKernels(gpu, text, { targets, ...check, disable });
  });
}

trap(
  "a negative literal is negated",
  "graph g(x: f32[3], i: i32[3]) { a = neg(-1.5) b = mul(x, a) c = neg(-7) d = sub(i, c) return b, d }",
);
trap(
  "negative zero is a literal",
  "graph g(x: f32[3]) { a = neg(-0.0) b = sub(x, -0.0) c = mul(b, a) d = add(c, x) return d }",
);
trap(
  "infinities and NaN are literals",
  "graph g(x: f32[5]) { a = minimum(x, inf) c = greater(a, 0.5) d = select(c, x, -inf) e = select(c, nan, d) return d, e }",
);
trap(
  "a literal beyond f32's range is infinite, one below it is 0",
  "graph g(x: f32[3]) { a = maximum(x, 1e39) b = mul(x, 1e-50) return a, b }",
);
trap(
  "large and small literals are printed so that WGSL reads them",
  "graph g(x: f32[3]) { a = mul(x, 1e21) b = mul(a, 1.5e-7) return b }",
);
trap(
  "literals alone make a tensor",
  "graph g(x: f32[2]) { a = add(1.0, 2.0) y = expand(a, shape=[7]) z = add(a, x) return y, z }",
);
trap(
  "a condition can be a literal",
  "graph g(x: f32[3], y: f32[3]) { z = select(true, x, y) w = select(false, x, y) return z, w }",
);
trap(
  "what a select does not take may be NaN",
  "graph g(x: f32[9]) { l = log(x) c = greater(x, 0.0) y = select(c, l, 0.0) return y }",
  { ulps: 16 },
);
trap("a range may start below 0", "graph g() { a = iota(start=-3, length=7) b = neg(a) return a, b }");
trap(
  "integers are divided toward zero",
  "graph g(x: i32[3, 5]) { a = add(x, 2) n = sub(-7, x) y = div(n, a) return y }",
);
trap(
  "powers of 0, of negative numbers, and with fractions",
  "graph g(x: f32[9]) { z = mul(x, 0.0) a = pow(z, 2.5) b = pow(x, 5.0) c = pow(x, 0.5) d = pow(x, -2.0) return a, b, c, d }",
  { ulps: 64 },
);
trap(
  "exponentials and logarithms at the ends of their range",
  "graph g(x: f32[9]) { a = mul(x, 100.0) b = exp(a) z = mul(x, 0.0) c = mul(z, z) d = log(c) e = rsqrt(c) return b, d, e }",
  {
    // WGSL allows exp an error of 3 + 2|x| ULP, and |x| comes to 200 here.
    ulps: 512,
  },
);
trap("a tanh of large numbers is ±1", "graph g(x: f32[9]) { a = mul(x, 1e10) y = tanh(a) z = gelu(a) return y, z }");

for (const [dtype, lowest] of [
  ["f32", -2],
  ["i32", -9],
  ["u32", 0],
] as const)
  trap(
    `the maximum, sum and mean of ${dtype}`,
    `graph g(x: ${dtype}[2, 3]) { a = reduce_max(x) b = reduce_sum(x) c = reduce_mean(x) return a, b, c }`,
    {
      given: new Map([
        [
          "x",
          hostTensor(
            dtype,
            [2, 3],
            [lowest, lowest, lowest, 1, 7, 4].map((n) => n),
          ),
        ],
      ]),
      terms: 3,
    },
  );
trap(
  "the maximum of a row that is all −∞",
  "graph g(x: f32[2, 3]) { m = minimum(x, -inf) y = reduce_max(m) return y }",
);

trap(
  "an operand is used twice",
  "graph g(x: f32[4, 4]) { s = mul(x, x) c = concat(x, x) y = select(true, s, s) return s, c, y }",
);
trap(
  "a matrix times itself",
  "graph g(x: f32[4, 4]) { y = matmul(x, x) t = transpose(x, perm=[1, 0]) z = matmul(x, t) return y, z }",
  { terms: 4 },
);
trap("a row is the weight as well", "graph g(x: f32[1, 1]) { y = matmul(x, x) return y }");
trap(
  "queries, keys and values are one tensor, or two of them are",
  `graph g(x: f32[8, 8], v: f32[8, 8]) {
    a = scaled_dot_product_attention(x, x, x, n_head=2, length=8, scale=0.5)
    b = scaled_dot_product_attention(x, x, v, n_head=2, length=8, scale=0.5)
    c = scaled_dot_product_attention(x, v, v, n_head=2, length=8, scale=0.5)
    return a, b, c
  }`,
  { terms: 8, ulps: 16 },
);
trap(
  "keys and values are columns of one buffer, whole vectors on and not",
  `graph g(q: f32[3, 8], kv: f32[12, 24], qkv: f32[8, 27]) {
    k = slice(kv, axis=1, start=4, length=8)
    v, rest = split(kv, axis=1, sizes=[8, 16])
    a = scaled_dot_product_attention(q, k, v, n_head=2, length=9, scale=0.5)
    past = slice(kv, start=4, length=7)
    l = slice(past, axis=1, start=16, length=8)
    b = scaled_dot_product_attention(q, l, l, n_head=2, length=7, scale=0.5)
    m, n, o, more = split(qkv, axis=1, sizes=[8, 8, 8, 3])
    c = scaled_dot_product_attention(m, n, o, n_head=2, length=8, scale=0.5)
    one = slice(q, start=2, length=1)
    d = scaled_dot_product_attention(one, k, v, n_head=2, length=12, scale=0.5)
    return a, b, c, d
  }`,
  { terms: 12, ulps: 16 },
);
trap(
  "columns that attention reads as keys are read as queries, and after it, as well",
  `graph g(kv: f32[8, 16]) {
    k = slice(kv, axis=1, start=0, length=8)
    v = slice(kv, axis=1, start=8, length=8)
    a = scaled_dot_product_attention(k, k, v, n_head=2, length=8, scale=0.5)
    y = add(a, v)
    return y
  }`,
  { terms: 8, ulps: 16 },
);
trap(
  "an epilogue reads what the anchor reads as vectors",
  `graph g(q: f32[8, 8], k: f32[8, 8], v: f32[8, 8], w: f32[8, 8]) {
    a = scaled_dot_product_attention(q, k, v, n_head=2, length=8, scale=0.5)
    y = add(a, v)
    m = matmul(q, w)
    z = add(m, w)
    return y, z
  }`,
  { terms: 8, ulps: 16 },
);
trap("a graph returns its input, and a value twice", "graph g(x: f32[3]) { y = neg(x) return x, y, y, x }");

trap("tensors without elements", "graph g(x: f32[0, 4], y: f32[T, 0, 4]) { a = neg(x) b = neg(y) return a, b }", {
  runs: [{ T: 3 }],
});
trap(
  "sums over nothing are 0",
  `graph g(x: f32[3, 0], w: f32[0, 4], v: f32[4, 0], r: f32[1, 0]) {
    s = reduce_sum(x)
    a = matmul(x, w)
    b = matmul(r, w)
    t = transpose(v, perm=[1, 0])
    c = matmul(x, t)
    d = concat(x, s, axis=1)
    return s, a, b, c, d
  }`,
);
trap(
  "the row that an op moves a hundred times",
  `graph g(x: f32[4, 6]) { ${Array.from({ length: 20 }, (_, i) => `t${i} = transpose(${i === 0 ? "x" : `r${i - 1}`}, perm=[1, 0]) r${i} = reshape(t${i}, shape=[${i % 2 === 1 ? "4, 6" : "3, 8"}])`).join(" ")} return r19 }`,
);

gpuTest("random graphs give the interpreter's numbers", async (gpu) => {
  for (const graph of fc.sample(randomGraph(10), { numRuns: 12, seed: 3 }))
    await checkKernels(gpu, graph, { runs: [RANDOM_SYMBOLS], targets, terms: 100, ulps: 256 });
});

test.run();
