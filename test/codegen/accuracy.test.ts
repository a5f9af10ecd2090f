// How exact the functions are that kernels print themselves, because WGSL's own may be far off: on small arguments, on the
// thousands that positions become, and wherever they are near a zero. Bounds are absolute, in units of 2⁻²⁴, beside one for
// small arguments, which must keep their digits.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseGraph } from "../../ir/parse.ts";
import { castNumber, hostTensor } from "../../ir/tensor.ts";
import { onGpu } from "../support/gpu.ts";
import { runOnGpu } from "../support/run-plan.ts";
import { seededTensor } from "../support/tensors.ts";

const test = suite("accuracy");
const gpuTest = onGpu(test);
const UNIT = 2 ** -24;

/** Seeded numbers of both signs, evenly up to `most`. */
const upTo = (most: number): readonly number[] =>
  [...seededTensor({ dtype: "f32", shape: [4000] }, {}, Math.ceil(most)).data].map((x) =>
    Math.fround((x / 2.1) * most),
  );
/** f32's neighbours of multiples of π/2, where a sine or a cosine is next to nothing. */
const nearZeros = Array.from({ length: 3000 }, (_, k) => Math.fround((k * k + 1) * (Math.PI / 2)));
/** Every exponent that f32 has. */
const allSizes = Array.from({ length: 2 * 253 }, (_, i) =>
  Math.fround((i % 2 === 0 ? 1.37 : -1.91) * 2 ** ((i >> 1) - 126)),
);
const SETS = {
  "up to 0.7": upTo(0.7),
  "up to 4": upTo(4),
  "up to 100": upTo(100),
  "up to 100,000": upTo(1e5),
  nearZeros,
  allSizes,
};

async function errors(op: string, xs: readonly number[], exact: (x: number) => number) {
  const graph = parseGraph(`graph g(x: f32[${xs.length}]) { y = ${op}(x) return y }`);
  const [y] = await runOnGpu(graph, new Map([["x", hostTensor("f32", [xs.length], xs)]]));
  assert.ok(y);
  let absolute = 0;
  let relative = 0;
  xs.forEach((x, i) => {
    const off = Math.abs((y?.data[i] ?? Number.NaN) - exact(x));
    absolute = Number.isNaN(off) ? Number.POSITIVE_INFINITY : Math.max(absolute, off / UNIT);
    // What has no digits to lose: f32's smallest numbers may become 0.
    if (Math.abs(exact(x)) > 2 ** -120) relative = Math.max(relative, off / (UNIT * Math.abs(exact(x))));
  });
  return { absolute, relative };
}

for (const [name, xs] of Object.entries(SETS))
  for (const [op, exact] of [
    ["sin", Math.sin],
    ["cos", Math.cos],
    ["tanh", Math.tanh],
  ] as const)
    gpuTest(`${op} of numbers ${name} is off by less than 3 units`, async (gpu) => {
      void gpu;
      const { absolute, relative } = await errors(op, xs, exact);
      assert.ok(absolute < 3, `${absolute} units`);
      const keepsDigits = op === "tanh" || (op === "sin" && name === "up to 0.7");
      if (keepsDigits) assert.ok(relative < 6, `${relative} units of the number itself`);
    });

const gelu = (x: number) => x / (1 + Math.exp(-2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
for (const most of [0.01, 1, 6])
  gpuTest(`gelu of numbers up to ${most} keeps their digits`, async () => {
    const { relative } = await errors("gelu", upTo(most), gelu);
    // e^2u has an error of 3 + 4|u| units by WGSL's leave, and |u| comes to 12.
    assert.ok(relative < 64, `${relative} units`);
  });

gpuTest("gelu of what is far from 0 is that, or 0", async () => {
  const xs = [-1e38, -1e10, -100, -10, 10, 100, 1e10, 1e38];
  const graph = parseGraph(`graph g(x: f32[${xs.length}]) { y = gelu(x) return y }`);
  const [y] = await runOnGpu(graph, new Map([["x", hostTensor("f32", [xs.length], xs)]]));
  assert.equal(
    [...(y?.data ?? [])].map((v) => (v === 0 ? 0 : v)),
    [0, 0, 0, 0, ...xs.slice(4).map((x) => castNumber(x, "f32"))],
  );
});

gpuTest("a sine or cosine of what is no finite number is NaN", async () => {
  const graph = parseGraph("graph g(x: f32[2]) { s = sin(x) c = cos(x) return s, c }");
  const results = await runOnGpu(
    graph,
    new Map([["x", hostTensor("f32", [2], [Number.POSITIVE_INFINITY, Number.NaN])]]),
  );
  for (const { data } of results) assert.ok([...data].every(Number.isNaN), `${data}`);
});

test.run();
