// ONNX ops that fold or multiply whole rows: reductions, normalisations, softmax, matrix products.
import type { Op } from "../../../ir/op.ts";
import {
  add,
  argmax,
  div,
  exp,
  layerNorm,
  log,
  matmul,
  mul,
  reduceMax,
  reduceMean,
  reduceSum,
  rsqrt,
  sub,
} from "../../../ir/ops/index.ts";
import type { Value } from "../../../ir/value.ts";
import { fromFront, type OnnxNode, product, shapeOf, type Translator, Unsupported } from "./node.ts";

/** Folds several axes one after the other, which is the same for sums and maxima, and for means of whole axes. */
function reduce(n: OnnxNode, op: Op, x: Value): Value {
  const shape = shapeOf(x);
  const given = n.has(1) ? n.numbers(1) : [];
  const axes = given.length > 0 ? given.map((axis) => fromFront(axis, shape.length)) : shape.map((_, i) => i);
  const folded = axes.reduce((y, axis) => n.op(op, [y], { axis }), x);
  if (n.int("keepdims", 1) === 1) return folded;
  return n.reshape(
    folded,
    shape.filter((_, i) => !axes.includes(i)),
  );
}
const reduced =
  (op: Op): Translator =>
  (n) =>
    reduce(n, op, n.value(0));

/** x seen as [rows, what `axis` and the axes after it hold]. */
function asRows(n: OnnxNode): { readonly x: Value; readonly axis: number; readonly width: number } {
  const shape = n.shape(0);
  const axis = n.axis("axis", -1, shape.length);
  const width = product(shape.slice(axis));
  return { x: n.reshape(n.value(0), [product(shape.slice(0, axis)), width]), axis, width };
}

/** e^(x − max) and its sum over one axis: nothing overflows. */
export function exponentials(n: OnnxNode, x: Value, axis: number) {
  const shifted = n.op(sub, [x, n.op(reduceMax, [x], { axis })]);
  const e = n.op(exp, [shifted]);
  return { shifted, e, sum: n.op(reduceSum, [e], { axis }) };
}

/** Letters of an einsum's term, which may hold each once. */
function letters(term: string): readonly string[] {
  const found = [...term.trim()];
  if (new Set(found).size !== found.length || found.includes("."))
    throw new Unsupported("an einsum with a diagonal or an ellipsis");
  return found;
}

/** Lines every operand up along all letters, multiplies, and sums over the letters that the result drops. */
function einsum(n: OnnxNode): Value {
  const [left = "", right = ""] = n.text("equation", "").split("->");
  const kept = letters(right);
  const terms = left.split(",").map(letters);
  const all = [...kept, ...new Set(terms.flat().filter((letter) => !kept.includes(letter)))];
  const aligned = terms.map((term, i) => {
    const order = all.filter((letter) => term.includes(letter));
    const turned = n.transpose(
      n.value(i),
      order.map((letter) => term.indexOf(letter)),
    );
    return n.reshape(
      turned,
      all.map((letter) => (term.includes(letter) ? (n.shape(i)[term.indexOf(letter)] ?? 1) : 1)),
    );
  });
  const [first, ...rest] = aligned;
  if (!first) throw new Unsupported("a node without operands");
  const dropped = all.slice(kept.length);
  const multiplied = rest.reduce((y, x) => n.op(mul, [y, x]), first);
  return dropped.reduceRight((y, _, i) => n.op(reduceSum, [y], { axis: kept.length + i, keepdims: false }), multiplied);
}

export const ROWS: Readonly<Record<string, Translator>> = {
  ReduceMax: reduced(reduceMax),
  ReduceMean: reduced(reduceMean),
  ReduceSum: reduced(reduceSum),
  ReduceSumSquare: (n) => reduce(n, reduceSum, n.op(mul, [n.value(0), n.value(0)])),

  ArgMax: (n) => n.op(argmax, [n.value(0)], { axis: n.int("axis", 0), keepdims: n.int("keepdims", 1) === 1 }),

  Softmax(n) {
    const { e, sum } = exponentials(n, n.value(0), n.int("axis", -1));
    return n.op(div, [e, sum]);
  },
  LogSoftmax(n) {
    const { shifted, sum } = exponentials(n, n.value(0), n.int("axis", -1));
    return n.op(sub, [shifted, n.op(log, [sum])]);
  },

  // Y, the mean, and 1/√(variance + epsilon)
  LayerNormalization(n) {
    const { x, axis, width } = asRows(n);
    const eps = n.int("epsilon", 1e-5);
    const y = n.op(layerNorm, [x, n.reshape(n.value(1), [width]), n.reshape(n.value(2), [width])], { eps });
    const mean = n.op(reduceMean, [x]);
    const d = n.op(sub, [x, mean]);
    const inverse = n.op(rsqrt, [n.op(add, [n.op(reduceMean, [n.op(mul, [d, d])]), eps])]);
    const narrow = n.shape(0).map((size, i) => (i < axis ? size : 1));
    return [n.reshape(y, n.shape(0)), n.reshape(mean, narrow), n.reshape(inverse, narrow)];
  },

  // x / √(mean of x² + epsilon) · weight
  RMSNormalization(n) {
    const { x, width } = asRows(n);
    const mean = n.op(reduceMean, [n.op(mul, [x, x])]);
    const scaled = n.op(mul, [x, n.op(rsqrt, [n.op(add, [mean, n.int("epsilon", 1e-5)])])]);
    return n.reshape(n.op(mul, [scaled, n.reshape(n.value(1), [width])]), n.shape(0));
  },

  MatMul(n) {
    const [a, b] = [n.shape(0), n.shape(1)];
    if (a.length > 1 && b.length > 1) return n.op(matmul, n.values());
    const row = a.length > 1 ? n.value(0) : n.reshape(n.value(0), [1, ...a]);
    const column = b.length > 1 ? n.value(1) : n.reshape(n.value(1), [...b, 1]);
    return n.reshape(n.op(matmul, [row, column]), n.resultShape(0));
  },

  // alpha · A B + beta · C
  Gemm(n) {
    const side = (i: number, flag: string) => n.transpose(n.value(i), n.int(flag, 0) === 1 ? [1, 0] : [0, 1]);
    const scaled = (x: Value, by: number) => (by === 1 ? x : n.op(mul, [x, by]));
    const product = scaled(n.op(matmul, [side(0, "transA"), side(1, "transB")]), n.int("alpha", 1));
    return n.has(2) ? n.op(add, [product, scaled(n.value(2), n.int("beta", 1))]) : product;
  },

  Einsum: einsum,
};
