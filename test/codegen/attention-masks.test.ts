// Attention whose scores lie as low as its mask: the keys behind a query count then, in every kernel, and a fusion changes no
// number. Scores are whole numbers of 2⁻⁷ that f32 holds exactly, so that only the softmax rounds.
import { suite } from "uvu";
import { parseGraph } from "../../ir/parse.ts";
import { type HostTensor, hostTensor } from "../../ir/tensor.ts";
import { onGpu } from "../support/gpu.ts";
import { runOnGpu } from "../support/run-plan.ts";
import { assertClose } from "../support/tensors.ts";
import { CHECKED_TARGETS, checkKernels } from "./kernel-check.ts";

const test = suite("attention: masks");
const gpuTest = onGpu(test);

/** One head of one column, in primitive ops. */
const spelled = (
  mask: string,
  rows = "2",
) => `graph g[P>=0](q: f32[${rows}, 1], k: f32[P+${rows}, 1], v: f32[P+${rows}, 1]) {
  q3 = reshape(q, shape=[${rows}, 1, 1])
  qt = transpose(q3, perm=[1, 0, 2])
  k3 = reshape(k, shape=[P+${rows}, 1, 1])
  kt = transpose(k3, perm=[1, 2, 0])
  v3 = reshape(v, shape=[P+${rows}, 1, 1])
  vt = transpose(v3, perm=[1, 0, 2])
  s = matmul(qt, kt)
  qa = iota(start=P, length=${rows})
  qc = reshape(qa, shape=[${rows}, 1])
  ka = iota(length=P+${rows})
  c = less_equal(ka, qc)
  m = select(c, s, ${mask})
  mx = reduce_max(m)
  sh = sub(m, mx)
  e = exp(sh)
  su = reduce_sum(e)
  p = div(e, su)
  o = matmul(p, vt)
  ot = transpose(o, perm=[1, 0, 2])
  y = reshape(ot, shape=[${rows}, 1])
  return y
}`;

gpuTest("a row whose visible scores lie below the mask sees what the mask hides", async () => {
  const column = (...data: readonly number[]) => hostTensor("f32", [data.length, 1], data);
  const inputs = new Map([
    ["q", column(200, 200)],
    ["k", column(-100, -100)],
    ["v", column(1, 2)],
  ]);
  const graph = parseGraph(spelled("-10000.0"));
  for (const disable of [[], ["fuse-attention"]]) {
    const [y] = await runOnGpu(graph, inputs, { P: 0 }, { disable });
    assertClose(y ?? column(), column(2, 1.5), { rtol: 1e-6, atol: 0 }, `without ${disable.join() || "nothing"}`);
  }
});

const KEYS = 190;

/** Heads of 4 whose score of query i and key j is `queries[i] · keys[j]`; each column of the values is its own. */
function operands(rows: number, queries: (i: number) => number, keys: (j: number) => number): Map<string, HostTensor> {
  const full = (n: number, at: (row: number, column: number) => number) =>
    hostTensor(
      "f32",
      [n, 8],
      Array.from({ length: 8 * n }, (_, i) => at(Math.floor(i / 8), i % 8)),
    );
  return new Map([
    ["q", full(rows, queries)],
    ["k", full(KEYS, keys)],
    ["v", full(KEYS, (j, c) => ((7 * j + 3 * c) % 11) - 4)],
  ]);
}

const attention = (
  rows: string,
  mask: string,
) => `graph g[P>=0](q: f32[${rows}, 8], k: f32[${KEYS}, 8], v: f32[${KEYS}, 8]) {
  y = scaled_dot_product_attention(q, k, v, n_head=2, length=P+${rows}, scale=0.25, mask_value=${mask})
  return y
}`;

/** Queries of 0, of ±128 and of 1, so that a block of rows has some that the mask reaches and some that it does not. */
const QUERIES = [128, 0, 1, -128, 128, 128, 1];
const mixed = (i: number) => QUERIES[i % QUERIES.length] ?? 0;
/** Times 128 these are −12800, −12799, …, −12796. */
const near = (j: number) => -100 + (j % 5) / 128;

const CASES: readonly (readonly [string, string, (i: number) => number, (j: number) => number])[] = [
  ["amid the scores", "-12798.0", mixed, near],
  ["above some rows' scores", "-10000.0", mixed, near],
  ["87 to 104 above which f32 has subnormals", "-12890.0", mixed, near],
  ["128 above which it is out of sight", "-13000.0", mixed, near],
  ["no mask at all, but a number among the others", "1.0", (i) => i % 3, (j) => j % 4],
  ["beyond what a mask usually is", "-1e10", (i) => (i % 2 === 0 ? 2 ** 20 : 1), (j) => -(2 ** 20) * (1 + (j % 3))],
  ["f32's lowest number", "-3.4028234663852886e+38", mixed, near],
  ["−∞", "-inf", mixed, near],
  ["scores below −1e30", "-inf", () => 2 ** 50, (j) => -(2 ** 51) * (1 + (j % 3))],
  [
    "scores below −1e30, and a mask among them",
    "-2.535301200456459e+30",
    () => 2 ** 50,
    (j) => -(2 ** 51) * (1 + (j % 3)),
  ],
];

for (const [i, [name, mask, queries, keys]] of CASES.entries())
  gpuTest(`a mask of ${mask}: ${name}`, async (gpu) => {
    const targets = CHECKED_TARGETS.slice(i % 2, (i % 2) + 1);
    const check = { targets, terms: KEYS, ulps: 16 };
    const decode = [{ P: 0 }, { P: 150 }];
    await checkKernels(gpu, attention("1", mask), { ...check, given: operands(1, queries, keys), runs: decode });
    const prefill = [0, 7, 160].map((P) => ({ T: 30, P }));
    await checkKernels(gpu, attention("T", mask), { ...check, given: operands(30, queries, keys), runs: prefill });
  });

test.run();
