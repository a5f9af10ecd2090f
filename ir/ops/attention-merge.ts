import { at, CompileError } from "../errors.ts";
import { defineOp, type OpCase } from "../op.ts";
import { dimEquals, printType, tensorType } from "../type.ts";
import { div } from "./div.ts";
import { exp } from "./exp.ts";
import { mul } from "./mul.ts";
import { reduceMax } from "./reduce-max.ts";
import { reduceSum } from "./reduce-sum.ts";
import { reshape } from "./reshape.ts";
import { slice } from "./slice.ts";
import { sub } from "./sub.ts";

const NAME = "attention_merge";

/** A sum of weights is at least that of the largest score, which is 1. */
const caseOf = (parts: number, rows: number, heads: number, size: number): OpCase => ({
  types: [`f32[${parts}, ${rows}, ${heads * size}]`, `f32[${parts}, ${rows}, ${heads}, 2]`],
  given: {
    softmax: Array.from({ length: parts * rows * heads }, (_, i) => [((7 * i) % 5) - 2.5, 1 + ((3 * i) % 4)]).flat(),
  },
});

/**
 * Attention [T, H·D] of what `attention_parts` has of its parts: mixtures x [P, T, H·D], and the largest score m and the sum of
 * weights z of each as [P, T, H, 2]. With M the largest m of a row and head, y = Σₚ exp(mₚ − M) · xₚ / Σₚ exp(mₚ − M) · zₚ.
 */
export const attentionMerge = defineOp({
  name: NAME,
  summary: "attention of what it was cut into over the keys",
  operands: ["mixtures", "softmax"],
  traits: { anchor: true },
  cases: [
    caseOf(2, 1, 2, 4),
    caseOf(5, 3, 3, 4),
    caseOf(1, 1, 2, 64),
    // A part without keys, whose largest score is the least f32.
    { ...caseOf(2, 1, 1, 4), given: { softmax: [0.5, 2, -3.4028234663852886e38, 0] } },
  ],
  infer([mixtures, softmax]) {
    const [parts, rows, width] = mixtures.shape;
    const heads = softmax.shape[2];
    if (
      mixtures.dtype !== "f32" ||
      softmax.dtype !== "f32" ||
      typeof parts !== "number" ||
      rows === undefined ||
      typeof width !== "number" ||
      typeof heads !== "number" ||
      mixtures.shape.length !== 3 ||
      softmax.shape.length !== 4 ||
      softmax.shape[0] !== parts ||
      !dimEquals(at(softmax.shape, 1), rows) ||
      softmax.shape[3] !== 2 ||
      parts < 1 ||
      heads < 1 ||
      width % heads !== 0
    )
      throw new CompileError(
        NAME,
        `mixtures are ${printType(mixtures)}, but softmax is ${printType(softmax)}`,
        "they are f32[P, T, C] and f32[P, T, H, 2], where H divides C",
      );
    return tensorType("f32", [rows, width]);
  },
  decompose(emit, [mixtures, softmax]) {
    const one = (...args: Parameters<typeof emit>) => at(emit(...args), 0);
    const [parts, rows, heads] = softmax.type.shape.slice(0, 3).map((d) => d) as [number, number, number];
    const width = Number(mixtures.type.shape[2]);
    const column = (start: number) => one(slice, [softmax], { axis: 3, start, length: 1 }); // [P, T, H, 1]
    const weights = one(exp, [one(sub, [column(0), one(reduceMax, [column(0)], { axis: 0 })])]);
    const mixed = one(mul, [one(reshape, [mixtures], { shape: [parts, rows, heads, width / heads] }), weights]);
    const sum = one(reduceSum, [one(mul, [column(1), weights])], { axis: 0, keepdims: false });
    const y = one(div, [one(reduceSum, [mixed], { axis: 0, keepdims: false }), sum]);
    return one(reshape, [y], { shape: [rows, width] });
  },
});
