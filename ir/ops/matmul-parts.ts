import { attr } from "../attr.ts";
import { at, CompileError } from "../errors.ts";
import { defineOp } from "../op.ts";
import { printType, tensorType } from "../type.ts";
import { mul } from "./mul.ts";
import { reduceSum } from "./reduce-sum.ts";
import { reshape } from "./reshape.ts";
import { transpose } from "./transpose.ts";

const NAME = "matmul_parts";

/**
 * The product of a [T, K] and b [K, N] in `parts` sums [parts, T, N], each over as many neighbouring places of the inner axis:
 * y[p, i, j] = Σₖ a[i, k] · b[k, j] for k from p · K / parts on. Added up they are the product ("split-K").
 */
export const matmulParts = defineOp({
  name: NAME,
  summary: "matrix product, cut into sums over parts of the inner axis",
  operands: ["a", "b"],
  attrs: { parts: attr.int() },
  traits: { anchor: true },
  cases: [
    { types: ["f32[1, 6]", "f32[6, 3]"], attrs: { parts: 2 } },
    { types: ["f32[1, 132]", "f32[132, 96]"], attrs: { parts: 4 } },
    { types: ["f32[7, 96]", "f32[96, 44]"], attrs: { parts: 3 } },
    { types: ["f32[3, 5]", "f32[5, 8]"], attrs: { parts: 1 } },
  ],
  infer([a, b], { parts }) {
    const [rows, inner] = a.shape;
    const columns = b.shape[1];
    if (
      rows === undefined ||
      columns === undefined ||
      typeof inner !== "number" ||
      a.shape.length !== 2 ||
      b.shape.length !== 2 ||
      b.shape[0] !== inner ||
      a.dtype !== b.dtype
    )
      throw new CompileError(
        NAME,
        `a is ${printType(a)}, but b is ${printType(b)}`,
        "they are [T, K] and [K, N] of one dtype, and K is a number",
      );
    if (parts < 1 || inner % parts !== 0)
      throw new CompileError(NAME, `parts is ${parts}, but a is ${printType(a)}`, "parts divides the inner axis");
    return tensorType(a.dtype, [parts, rows, columns]);
  },
  decompose(emit, [a, b], { parts }) {
    const one = (...args: Parameters<typeof emit>) => at(emit(...args), 0);
    const [rows, inner] = [at(a.type.shape, 0), Number(a.type.shape[1])];
    const each = inner / parts;
    const left = one(transpose, [one(reshape, [a], { shape: [rows, parts, each, 1] })], { perm: [1, 0, 2, 3] });
    const right = one(reshape, [b], { shape: [parts, 1, each, at(b.type.shape, 1)] });
    return one(reduceSum, [one(mul, [left, right])], { axis: 2, keepdims: false });
  },
});
