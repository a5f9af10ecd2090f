// ONNX ops that work element by element, as ours.
import type { Op } from "../../../ir/op.ts";
import {
  add,
  cast,
  div,
  exp,
  gelu,
  iota,
  log,
  maximum,
  minimum,
  mul,
  neg,
  pow,
  select,
  sqrt,
  sub,
  tanh,
} from "../../../ir/ops/index.ts";
import { type DType, isFloat } from "../../../ir/type.ts";
import type { Value } from "../../../ir/value.ts";
import { type OnnxNode, type Translator, Unsupported } from "./node.ts";

const each =
  (op: Op): Translator =>
  (n) =>
    n.op(op, n.values());

/** One after the other over any number of operands. */
function fold(n: OnnxNode, op: Op): Value {
  const [first, ...rest] = n.values();
  if (!first) throw new Unsupported("a node without operands");
  return rest.length === 0 ? n.same(first) : rest.reduce((sum, x) => n.op(op, [sum, x]), first);
}
const folded =
  (op: Op): Translator =>
  (n) =>
    fold(n, op);

/** ONNX's numbers for dtypes; 64-bit ones become our 32-bit ones. */
const DTYPES: Readonly<Record<number, DType>> = {
  1: "f32",
  6: "i32",
  7: "i32",
  9: "bool",
  10: "f16",
  11: "f32",
  12: "u32",
  13: "u32",
};

export const POINTWISE: Readonly<Record<string, Translator>> = {
  Add: each(add),
  Sub: each(sub),
  Mul: each(mul),
  Div: each(div),
  Neg: each(neg),
  Sqrt: each(sqrt),
  Exp: each(exp),
  Log: each(log),
  Tanh: each(tanh),
  Where: each(select),
  Max: folded(maximum),
  Min: folded(minimum),
  Sum: folded(add),
  Mean: (n) => n.op(div, [fold(n, add), n.count]),

  Reciprocal: (n) => n.op(div, [1, n.value(0)]),
  // 1 / (1 + e^−x)
  Sigmoid: (n) => n.op(div, [1, n.op(add, [n.op(exp, [n.op(neg, [n.value(0)])]), 1])]),
  Gelu: (n) => n.op(gelu, [n.value(0)], { approximate: n.text("approximate", "none") }),

  // min(max(x, low), high), either bound left out
  Clip(n) {
    const low = n.has(1) ? n.op(maximum, [n.value(0), n.value(1)]) : n.value(0);
    return n.has(2) ? n.op(minimum, [low, n.value(2)]) : low;
  },

  Pow(n) {
    const [base, exponent] = [n.value(0), n.value(1)];
    if (!isFloat(base.type.dtype)) throw new Unsupported("pow takes floats: powers of integers would not stay exact");
    return n.op(pow, [base, isFloat(exponent.type.dtype) ? exponent : n.op(cast, [exponent], { to: "f32" })]);
  },

  Cast(n) {
    const to = DTYPES[n.int("to", 0)];
    if (!to) throw new Unsupported("a cast to a dtype that we lack");
    return n.op(cast, [n.value(0)], { to });
  },

  // start + delta · (0, 1, 2, …) as long as below the limit
  Range(n) {
    const [start, limit, delta] = [n.number(0), n.number(1), n.number(2)];
    const steps = n.op(iota, [], { length: Math.max(Math.ceil((limit - start) / delta), 0) });
    return n.op(add, [n.op(mul, [n.op(cast, [steps], { to: n.value(0).type.dtype }), n.value(2)]), n.value(0)]);
  },
};
