// What ops mean, against formulas written a second time and straight from their definitions.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { at } from "../../ir/errors.ts";
import type { Op } from "../../ir/op.ts";
import {
  add,
  argmax,
  cacheWrite,
  cast,
  concat,
  div,
  gather,
  gelu,
  layerNorm,
  matmul,
  mul,
  pow,
  reduceMax,
  reduceMean,
  reduceSum,
  rmsNorm,
  scaledDotProductAttention,
  select,
  slice,
  sub,
  transpose,
} from "../../ir/ops/index.ts";
import { parseType } from "../../ir/parse.ts";
import { type HostTensor, hostTensor } from "../../ir/tensor.ts";
import { printType } from "../../ir/type.ts";
import { runOp } from "../support/run-op.ts";
import { assertClose } from "../support/tensors.ts";

const test = suite("op meanings");

// Both sides are f64 and sum in another order: a dozen of the last of 53 bits may differ, over at most 130 terms.
const F64 = { rtol: 1e-12, atol: 1e-12 };

const tensor = (type: string, data: readonly number[]): HostTensor => {
  const { dtype, shape } = parseType(type);
  return hostTensor(dtype, shape.map(Number), data);
};

/** The op on tensors written as [type, numbers]. */
function apply(op: Op, operands: readonly (readonly [string, readonly number[]])[], attrs = {}): HostTensor {
  const given = operands.map(([type, data]) => tensor(type, data));
  return at(
    runOp(
      op,
      operands.map(([type]) => type),
      attrs,
      given,
    ).results,
    0,
  );
}

const expectTensor = (found: HostTensor, type: string, data: readonly number[]) => {
  assert.is(printType(found), type);
  assert.equal([...found.data], data);
};

const sum = (n: number, term: (i: number) => number): number => {
  let total = 0;
  for (let i = 0; i < n; i++) total += term(i);
  return total;
};

test("layer_norm is (x − mean) / √(variance + eps) · weight + bias, with the population's variance", () => {
  for (const { types, attrs } of [
    ...layerNorm.cases,
    { types: ["f32[3, 7]", "f32[7]", "f32[7]"], attrs: { eps: 0.25 } },
  ]) {
    const { operands, results } = runOp(layerNorm, types, attrs);
    const [x, weight, bias] = [at(operands, 0), at(operands, 1), at(operands, 2)];
    const width = weight.data.length;
    const eps = Number(attrs?.["eps"] ?? 1e-5);
    const wanted = x.data.map((value, i) => {
      const row = i - (i % width);
      const mean = sum(width, (j) => at(x.data, row + j)) / width;
      const variance = sum(width, (j) => (at(x.data, row + j) - mean) ** 2) / width;
      return ((value - mean) / Math.sqrt(variance + eps)) * at(weight.data, i % width) + at(bias.data, i % width);
    });
    assertClose(at(results, 0), { ...x, data: wanted }, F64, types.join());
  }
});

test("rms_norm is x / √(mean of x² + eps) · weight", () => {
  for (const { types, attrs } of [...rmsNorm.cases, { types: ["f32[3, 7]", "f32[7]"], attrs: { eps: 0.25 } }]) {
    const { operands, results } = runOp(rmsNorm, types, attrs);
    const [x, weight] = [at(operands, 0), at(operands, 1)];
    const width = weight.data.length;
    const wanted = x.data.map((value, i) => {
      const power = sum(width, (j) => at(x.data, i - (i % width) + j) ** 2) / width;
      return (value / Math.sqrt(power + Number(attrs?.["eps"] ?? 1e-6))) * at(weight.data, i % width);
    });
    assertClose(at(results, 0), { ...x, data: wanted }, F64, types.join());
  }
});

test("gelu is ½x(1 + tanh(√(2/π)(x + 0.044715x³))) by default", () => {
  const { operands, results } = runOp(gelu, ["f32[65]"]);
  const x = at(operands, 0);
  const wanted = x.data.map((v) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))));
  assertClose(at(results, 0), { ...x, data: wanted }, F64, "gelu");
});

test("gelu without approximation is x times the normal distribution function, integrated by Simpson's rule", () => {
  const { operands, results } = runOp(gelu, ["f32[65]"], { approximate: "none" });
  const x = at(operands, 0);
  const density = (t: number) => Math.exp((-t * t) / 2) / Math.sqrt(2 * Math.PI);
  // With 2000 steps over at most 2.1 the rule's own error is h⁴ · 2.1 · 3 / 180, below 1e-13.
  const steps = 2000;
  const wanted = x.data.map((v) => {
    const h = v / steps;
    const area = (h / 3) * sum(steps + 1, (i) => (i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2) * density(i * h));
    return v * (0.5 + area);
  });
  assertClose(at(results, 0), { ...x, data: wanted }, F64, "gelu");
});

test("scaled_dot_product_attention is softmax(scale · q kᵀ) v over the keys up to the query's own place, the others' scores masked, head by head", () => {
  for (const { types, attrs } of scaledDotProductAttention.cases) {
    const { operands, results } = runOp(scaledDotProductAttention, types, attrs);
    const [q, k, v] = [at(operands, 0), at(operands, 1), at(operands, 2)];
    const [rows, width] = [at(q.shape, 0), at(q.shape, 1)];
    const [heads, length, scale] = [Number(attrs?.["n_head"]), Number(attrs?.["length"]), Number(attrs?.["scale"])];
    const size = width / heads;
    const keyWidth = at(k.shape, 1);
    const wanted = q.data.map((_, flat) => {
      const [i, column] = [Math.floor(flat / width), flat % width];
      const head = Math.floor(column / size) * size;
      const keyHead = Math.floor((Math.floor(column / size) * keyWidth) / width) * size;
      const seen = length - rows + i + 1;
      const score = (j: number) =>
        j < seen
          ? scale * sum(size, (c) => at(q.data, i * width + head + c) * at(k.data, j * keyWidth + keyHead + c))
          : Number(attrs?.["mask_value"] ?? Number.NEGATIVE_INFINITY);
      const total = sum(length, (j) => Math.exp(score(j)));
      return sum(length, (j) => (Math.exp(score(j)) / total) * at(v.data, j * keyWidth + keyHead + (column % size)));
    });
    assertClose(at(results, 0), { ...q, data: wanted }, F64, `${types.join()} ${JSON.stringify(attrs)}`);
  }
});

test("matmul sums over the last axis of a and the last but one of b, and broadcasts what stands before", () => {
  const { operands, results } = runOp(matmul, ["f32[2, 1, 3, 4]", "f32[3, 4, 2]"]);
  const [a, b] = [at(operands, 0), at(operands, 1)];
  const wanted = Float64Array.from({ length: 2 * 3 * 3 * 2 }, (_, flat) => {
    const [s, t, i, j] = [Math.floor(flat / 18), Math.floor(flat / 6) % 3, Math.floor(flat / 2) % 3, flat % 2];
    return sum(4, (l) => at(a.data, s * 12 + i * 4 + l) * at(b.data, t * 8 + l * 2 + j));
  });
  assertClose(at(results, 0), { dtype: "f32", shape: [2, 3, 3, 2], data: wanted }, F64, "matmul");
});

test("pointwise ops broadcast as numpy does", () => {
  expectTensor(
    apply(sub, [
      ["f32[2, 1]", [10, 20]],
      ["f32[3]", [1, 2, 3]],
    ]),
    "f32[2, 3]",
    [9, 8, 7, 19, 18, 17],
  );
});

test("integers wrap as in WGSL, also where a product is more than an f64 holds", () => {
  const big = 2 ** 31 - 1;
  expectTensor(
    apply(add, [
      ["i32[1]", [big]],
      ["i32[1]", [1]],
    ]),
    "i32[1]",
    [-(2 ** 31)],
  );
  expectTensor(
    apply(sub, [
      ["u32[1]", [0]],
      ["u32[1]", [1]],
    ]),
    "u32[1]",
    [2 ** 32 - 1],
  );
  expectTensor(
    apply(mul, [
      ["i32[1]", [big]],
      ["i32[1]", [big]],
    ]),
    "i32[1]",
    [1],
  );
  expectTensor(
    apply(mul, [
      ["u32[1]", [2 ** 32 - 1]],
      ["u32[1]", [2 ** 32 - 1]],
    ]),
    "u32[1]",
    [1],
  );
});

test("integer quotients and means are cut toward zero", () => {
  expectTensor(
    apply(div, [
      ["i32[2]", [7, -7]],
      ["i32[]", [2]],
    ]),
    "i32[2]",
    [3, -3],
  );
  expectTensor(apply(reduceMean, [["i32[2]", [-1, -2]]]), "i32[1]", [-1]);
});

test("f16 results are rounded to f16", () => {
  expectTensor(
    apply(add, [
      ["f16[1]", [2048]],
      ["f16[1]", [1]],
    ]),
    "f16[1]",
    [2048],
  );
  expectTensor(apply(reduceSum, [["f16[2]", [2048, 1]]]), "f16[1]", [2048]);
});

test("pow keeps the sign of a negative base for whole exponents, and is NaN for others", () => {
  expectTensor(
    apply(pow, [
      ["f32[3]", [-2, -2, -2]],
      ["f32[3]", [3, 2, 0.5]],
    ]),
    "f32[3]",
    [-8, 4, Number.NaN],
  );
});

test("cast rounds to f16, cuts toward zero, and asks whether a number is not 0", () => {
  expectTensor(apply(cast, [["f32[2]", [0.1, 1e6]]], { to: "f16" }), "f16[2]", [
    0.0999755859375,
    Number.POSITIVE_INFINITY,
  ]);
  expectTensor(apply(cast, [["f32[2]", [1.9, -1.9]]], { to: "i32" }), "i32[2]", [1, -1]);
  expectTensor(apply(cast, [["f32[2]", [0.1, 0]]], { to: "bool" }), "bool[2]", [1, 0]);
});

test("argmax is the first of the largest", () => {
  expectTensor(apply(argmax, [["f32[2, 3]", [1, 3, 3, -1, -1, -2]]]), "i32[2]", [1, 0]);
});

test("a reduction folds the axis asked for, and drops it when told to", () => {
  const x = ["f32[2, 3]", [1, 2, 3, -4, 5, 6]] as const;
  expectTensor(apply(reduceMax, [x], { axis: 0 }), "f32[1, 3]", [1, 5, 6]);
  expectTensor(apply(reduceMean, [x], { axis: -1, keepdims: false }), "f32[2]", [2, 7 / 3]);
});

test("gather takes rows in the indices' order and shape", () => {
  const rows = apply(gather, [
    ["f32[3, 2]", [0, 1, 10, 11, 20, 21]],
    ["i32[2, 2]", [2, 0, 1, 1]],
  ]);
  expectTensor(rows, "f32[2, 2, 2]", [20, 21, 0, 1, 10, 11, 10, 11]);
});

test("gather refuses an index that the table does not have", () => {
  assert.throws(
    () =>
      apply(gather, [
        ["f32[3]", [0, 1, 2]],
        ["i32[1]", [3]],
      ]),
    /index 3 of axis 0, which has 3 elements/,
  );
});

test("select takes a where the condition holds, also where the other is NaN", () => {
  const picked = apply(select, [
    ["bool[2]", [1, 0]],
    ["f32[2]", [1, Number.NaN]],
    ["f32[]", [5]],
  ]);
  expectTensor(picked, "f32[2]", [1, 5]);
});

test("slice, concat and transpose move elements as their summaries say", () => {
  const x = ["f32[2, 3]", [1, 2, 3, 4, 5, 6]] as const;
  expectTensor(apply(slice, [x], { axis: 1, start: 1, length: 2 }), "f32[2, 2]", [2, 3, 5, 6]);
  expectTensor(apply(concat, [x, ["f32[2, 1]", [7, 8]]], { axis: -1 }), "f32[2, 4]", [1, 2, 3, 7, 4, 5, 6, 8]);
  expectTensor(apply(transpose, [x], { perm: [1, 0] }), "f32[3, 2]", [1, 4, 2, 5, 3, 6]);
});

test("cache_write puts rows into slots, drops those that are none, and keeps the later of two", () => {
  const cache: readonly [string, readonly number[]] = ["f32[3, 2]", [1, 2, 3, 4, 5, 6]];
  const rows: readonly [string, readonly number[]] = ["f32[4, 2]", [10, 11, 20, 21, 30, 31, 40, 41]];
  expectTensor(apply(cacheWrite, [cache, rows, ["i32[4]", [2, -1, 3, 0]]]), "f32[3, 2]", [40, 41, 3, 4, 10, 11]);
  expectTensor(apply(cacheWrite, [cache, rows, ["i32[4]", [1, 1, 2, 1]]]), "f32[3, 2]", [1, 2, 40, 41, 30, 31]);
  const columns: readonly [string, readonly number[]] = ["f32[3, 1]", [7, 8, 9]];
  expectTensor(apply(cacheWrite, [cache, columns, ["u32[1]", [1]]], { axis: 1 }), "f32[3, 2]", [1, 7, 3, 8, 5, 9]);
});

test.run();
