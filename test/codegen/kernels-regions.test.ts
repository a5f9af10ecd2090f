// What kernels compute beside their anchor: prologues, epilogues, results in several places. Every kernel that takes the
// region, and each anchor with the neighbours that a decoder has.
import { suite } from "uvu";
import { onGpu } from "../support/gpu.ts";
import { checkKernels, type KernelCheck } from "./kernel-check.ts";

// Inner axes are 65 or more: software drivers unroll shorter ones, and take seconds to compile what comes of it.
const test = suite("kernels: regions");
const gpuTest = onGpu(test);

const ROWS = [{ T: 1 }, { T: 7 }];

/** Rows as a number, where the decode kernels take it, and as a symbol. */
function bothRows(name: string, text: (rows: string) => string, check: KernelCheck): void {
  gpuTest(`${name}, one row`, (gpu) => checkKernels(gpu, text("1"), check));
  gpuTest(`${name}, many rows`, (gpu) => checkKernels(gpu, text("T"), { ...check, runs: ROWS }));
}

bothRows(
  "a matmul with bias, GELU, scale and residual",
  (rows) => `graph mlp(h: f32[${rows}, 48], x: f32[${rows}, 65], w: f32[65, 48], b: f32[48]) {
    m = matmul(x, w)
    s = add(m, b)
    g = gelu(s)
    q = mul(g, 0.5)
    y = add(h, q)
    return y
  }`,
  // WGSL allows e^2u in GELU an error of 3 + 4|u| units.
  { terms: 65, ulps: 16 },
);

bothRows(
  "a transposed weight with bias and ReLU",
  (rows) => `graph head(x: f32[${rows}, 68], w: f32[27, 68], b: f32[27]) {
    t = transpose(w, perm=[1, 0])
    m = matmul(x, t)
    s = add(m, b)
    y = maximum(s, 0.0)
    return y
  }`,
  { terms: 68 },
);

bothRows(
  "integers cast on the way in and out",
  (rows) => `graph casts(x: i32[${rows}, 66], w: f32[66, 12]) {
    f = cast(x, to=f32)
    m = matmul(f, w)
    r = mul(m, 64.0)
    c = greater(r, 3.5)
    y = select(c, r, -1.0)
    i = cast(c, to=i32)
    return y, i
  }`,
  { terms: 66 },
);

for (const width of [16, 15])
  gpuTest(`query, keys and values of width ${width} go to a buffer and two caches`, async (gpu) => {
    const text = (rows: string) => `graph qkv[P>=0](
      x: f32[${rows}, 65], w: f32[65, ${3 * width}], b: f32[${3 * width}],
      state k: f32[64, ${width}], state v: f32[64, ${width}]
    ) {
      m = matmul(x, w)
      s = add(m, b)
      q, k1, v1 = split(s, sizes=[${width}, ${width}, ${width}])
      k2 = cache_update(k, k1, start=P)
      v2 = cache_update(v, v1, start=P)
      return q, k2, v2
    }`;
    const check = { terms: 65 };
    await checkKernels(gpu, text("1"), { ...check, runs: [{ P: 0 }, { P: 63 }] });
    await checkKernels(gpu, text("T"), {
      ...check,
      runs: [
        { T: 1, P: 0 },
        { T: 9, P: 55 },
      ],
    });
  });

gpuTest("a layer norm of the last row alone, then GELU", (gpu) =>
  checkKernels(
    gpu,
    `graph last(x: f32[T, 33], g: f32[33], c: f32[33]) {
      l = slice(x, axis=0, start=T-1, length=1)
      n = layer_norm(l, g, c)
      y = gelu(n)
      return y
    }`,
    { terms: 33, ulps: 16, runs: ROWS },
  ),
);

gpuTest("a layer norm of a sum, of several axes and of one", async (gpu) => {
  const norm = (shape: string, runs: KernelCheck["runs"]) =>
    checkKernels(
      gpu,
      `graph norm(x: f32${shape}, d: f32${shape}, g: f32[10], c: f32[10]) {
        s = add(x, d)
        n = layer_norm(s, g, c)
        y = maximum(n, 0.0)
        return y
      }`,
      { terms: 10, ...(runs && { runs }) },
    );
  await norm("[2, T, 3, 10]", ROWS);
  await norm("[10]", [{}]);
});

gpuTest("a row is normalised, multiplied, biased and split into a buffer and a cache", (gpu) =>
  checkKernels(
    gpu,
    `graph block[P>=0](x: f32[1, 66], g: f32[66], c: f32[66], w: f32[66, 24], b: f32[24], state k: f32[9, 12]) {
      n = layer_norm(x, g, c)
      m = matmul(n, w)
      s = add(m, b)
      q, r = split(s, sizes=[12, 12])
      k2 = cache_update(k, r, start=P)
      return q, k2
    }`,
    { terms: 132, runs: [{ P: 4 }] },
  ),
);

for (const axis of [0, 1, 2])
  gpuTest(`reductions of axis ${axis} with a prologue and an epilogue`, async (gpu) => {
    for (const op of ["reduce_sum", "reduce_mean", "reduce_max"])
      await checkKernels(
        gpu,
        `graph fold(x: f32[3, T, 5], s: f32[5]) {
          c = sub(x, s)
          e = mul(c, c)
          f = ${op}(e, axis=${axis}, keepdims=false)
          y = sqrt(f)
          return y
        }`,
        { terms: 7, runs: ROWS },
      );
  });

gpuTest("an argmax with a prologue and an epilogue", (gpu) =>
  checkKernels(
    gpu,
    `graph pick(x: f32[T, 50], b: f32[50]) {
      s = add(x, b)
      i = argmax(s)
      y = add(i, 1)
      return y
    }`,
    { runs: ROWS },
  ),
);

gpuTest("attention with a scaled query, a residual and a bias", async (gpu) => {
  const text = (
    rows: string,
  ) => `graph attend[P>=0](h: f32[${rows}, 16], q: f32[${rows}, 16], k: f32[20, 16], v: f32[20, 16], b: f32[16]) {
    s = mul(q, 1.5)
    a = scaled_dot_product_attention(s, k, v, n_head=2, length=P+${rows}, scale=0.25)
    r = add(a, h)
    y = add(r, b)
    return y
  }`;
  await checkKernels(gpu, text("1"), { terms: 40, runs: [{ P: 0 }, { P: 19 }] });
  await checkKernels(gpu, text("T"), {
    terms: 40,
    runs: [
      { T: 3, P: 0 },
      { T: 11, P: 9 },
    ],
  });
});

gpuTest("new rows of a cache are computed on the way in", (gpu) =>
  checkKernels(
    gpu,
    `graph rows[T, P>=0](state cache: f32[8, 5], x: f32[T, 5]) {
      c2 = fused cache_update(cache, x) {
        n = neg(x)
        c = cache_update(cache, n, start=P)
        return c
      }
      return c2
    }`,
    {
      runs: [
        { T: 2, P: 1 },
        { T: 8, P: 0 },
      ],
    },
  ),
);

gpuTest("parts of a part are stored under the conditions of both", (gpu) =>
  checkKernels(
    gpu,
    `graph parts(x: f32[T, 65], w: f32[65, 12]) {
      a, d, e = fused matmul(x, w) {
        m = matmul(x, w)
        p, q = split(m, sizes=[4, 8])
        n = mul(q, 2.0)
        r, s = split(n, sizes=[2, 6])
        t = neg(s)
        return p, r, t
      }
      return a, d, e
    }`,
    { terms: 65, runs: ROWS },
  ),
);

test.run();
