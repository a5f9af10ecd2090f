import { at, CompileError } from "../errors.ts";
import { defineOp } from "../op.ts";
import { countElements } from "../tensor.ts";
import { broadcastShapes, dimEquals, printType, type TensorType, tensorType } from "../type.ts";
import { matmulParts } from "./matmul-parts.ts";
import { reduceSum } from "./reduce-sum.ts";

function inferMatmul(a: TensorType, b: TensorType): TensorType {
  const [m, k] = a.shape.slice(-2);
  const [k2, n] = b.shape.slice(-2);
  if (
    m === undefined ||
    k === undefined ||
    k2 === undefined ||
    n === undefined ||
    !dimEquals(k, k2) ||
    a.dtype !== b.dtype
  )
    throw new CompileError(
      "matmul",
      `a is ${printType(a)}, but b is ${printType(b)}`,
      "a's last axis and b's last but one must be equal, and the dtypes too",
    );
  const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
  if (!batch)
    throw new CompileError(
      "matmul",
      `a is ${printType(a)}, but b is ${printType(b)}`,
      "the axes before the last two must broadcast",
    );
  return tensorType(a.dtype, [...batch, m, n]);
}

/** y[…, i, j] = Σₖ a[…, i, k] · b[…, k, j]; axes before the last two broadcast. */
export const matmul = defineOp({
  name: "matmul",
  summary: "matrix product of the last two axes",
  operands: ["a", "b"],
  traits: { anchor: true },
  cases: [
    { types: ["f32[1, 5]", "f32[5, 3]"] },
    { types: ["f32[1, 64]", "f32[64, 96]"] },
    { types: ["f32[3, 7]", "f32[7, 445]"] },
    { types: ["f32[70, 33]", "f32[33, 66]"] },
    { types: ["f32[2, 3, 4]", "f32[2, 4, 5]"] },
    { types: ["f32[2, 1, 3, 4]", "f32[3, 4, 2]"] },
  ],
  infer: ([a, b]) => inferMatmul(a, b),
  split(emit, [a, b], _attrs, parts) {
    const inner = b.type.shape[0];
    const flat = a.type.shape.length === 2 && b.type.shape.length === 2;
    if (!flat || typeof inner !== "number" || inner % parts !== 0) return undefined;
    return emit(reduceSum, emit(matmulParts, [a, b], { parts }), { axis: 0, keepdims: false });
  },
  reference([a, b]) {
    const { dtype, shape: dims } = inferMatmul(a, b);
    const shape = dims.map(Number);
    const [m, n] = [at(shape, -2), at(shape, -1)];
    const k = at(a.shape, -1);
    const batch = shape.slice(0, -2);
    const batches = countElements(batch);
    const data = new Float64Array(batches * m * n);
    for (let s = 0; s < batches; s++) {
      const [pa, pb] = [matrixAt(s, batch, a.shape) * m * k, matrixAt(s, batch, b.shape) * k * n];
      for (let i = 0; i < m; i++)
        for (let l = 0; l < k; l++) {
          const x = at(a.data, pa + i * k + l);
          for (let j = 0; j < n; j++)
            data[(s * m + i) * n + j] = at(data, (s * m + i) * n + j) + x * at(b.data, pb + l * n + j);
        }
    }
    return { dtype, shape, data };
  },
});

/** Which matrix of an operand batch `s` of the result reads: broadcast axes stay at 0. */
function matrixAt(s: number, batch: readonly number[], shape: readonly number[]): number {
  const own = shape.slice(0, -2);
  let rest = s;
  let place = 0;
  let stride = 1;
  for (let axis = batch.length - 1; axis >= 0; axis--) {
    const d = own[axis - (batch.length - own.length)] ?? 1;
    if (d !== 1) place += (rest % at(batch, axis)) * stride;
    stride *= d;
    rest = Math.floor(rest / at(batch, axis));
  }
  return place;
}
