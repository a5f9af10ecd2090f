// Ops of a user's that keep what their traits promise, each in a way that none of wgpt's own does.
import { attr, attrOf } from "../../ir/attr.ts";
import { defineElement } from "../../ir/define-element.ts";
import { defineNormalization } from "../../ir/define-normalization.ts";
import { definePointwise } from "../../ir/define-pointwise.ts";
import { defineReduction } from "../../ir/define-reduction.ts";
import type { ElementMath } from "../../ir/element.ts";
import { at } from "../../ir/errors.ts";
import { defineOp, type Op } from "../../ir/op.ts";
import { add } from "../../ir/ops/index.ts";
import type { HostTensor } from "../../ir/tensor.ts";
import { type DType, tensorType } from "../../ir/type.ts";

export const rmsRow = defineNormalization({
  name: "rms_row",
  summary: "a row over its root mean square",
  operands: ["x", "gain"],
  centre: "none",
  moment: "mean",
  scale: "gain",
  eps: 1e-3,
});
export const rmsRowShifted = defineNormalization({
  name: "rms_row_shifted",
  summary: "the same, shifted",
  operands: ["x", "gain", "offset"],
  centre: "none",
  moment: "mean",
  scale: "gain",
  shift: "offset",
  eps: 1e-3,
});
export const shiftedFirst = defineNormalization({
  name: "shifted_first",
  summary: "a layer norm whose shift comes before its scale",
  operands: ["x", "offset", "gain"],
  centre: "mean",
  moment: "mean",
  scale: "gain",
  shift: "offset",
  eps: 1e-3,
});
export const unitRow = defineNormalization({
  name: "unit_row",
  summary: "a row of length 1, which no kernel is built around",
  operands: ["x"],
  centre: "none",
  moment: "sum",
  eps: 1e-3,
  anchor: false,
});
export const centredUnitRow = defineNormalization({
  name: "centred_unit_row",
  summary: "a row without its mean, of length 1, shifted",
  operands: ["x", "offset"],
  centre: "mean",
  moment: "sum",
  shift: "offset",
  eps: 1e-3,
});

/** The root of the mean of squares: a fold whose steps and end are not those of a sum. */
export const reduceRms = defineReduction({
  name: "reduce_rms",
  summary: "root of the mean of squares",
  fold: {
    identity: 0,
    combine: (a, b) => Math.hypot(a, b),
    combineWgsl: (a, b) => `sqrt(${a} * ${a} + ${b} * ${b})`,
    finish: (root, count) => root / Math.sqrt(count),
    finishWgsl: (root, count) => `${root} / sqrt(${count})`,
  },
});
/** Order matters: −a + b + 1, from 5 on. */
export const reduceAlternating = defineReduction({
  name: "reduce_alternating",
  summary: "a fold that depends on the order",
  fold: { identity: 5, combine: (a, b) => b - a + 1, combineWgsl: (a, b) => `${b} - ${a} + 1` },
});
export const reduceMin = defineReduction({
  name: "reduce_min",
  summary: "smallest of one axis",
  fold: {
    identity: Number.POSITIVE_INFINITY,
    combine: (a, b) => Math.min(a, b),
    combineWgsl: (a, b) => `min(${a}, ${b})`,
  },
});

type Math3<I, E, C> = ElementMath<I, E, C>;

/** y[i] = x[i − by], and x's first element before that: compares numbers below 0. */
export const delay = defineElement({
  name: "delay",
  summary: "later by some places",
  operands: ["x"],
  attrs: { by: attr.dim(3) },
  cases: [],
  infer: ([x]) => x,
  element([i, ...rest], m, { attrs }) {
    const from = m.sub(i as never, m.dim(attrOf(attrs, "by")));
    return m.select(
      m.less(from, m.dim(0)),
      () => m.load(0, [m.dim(0), ...rest]),
      () => m.load(0, [from, ...rest]),
    );
  },
});
/** y[i] = x[(i − 1) mod n]: divides numbers below 0. */
export const roll = defineElement({
  name: "roll",
  summary: "each element one place on, the last one first",
  operands: ["x"],
  cases: [],
  infer: ([x]) => x,
  element: ([i, ...rest], m, { types }) =>
    m.load(0, [m.mod(m.sub(i as never, m.dim(1)), m.dim(at(at(types, 0).shape, 0))), ...rest]),
});
/** y[i] = ⌊(i − 3) / 2⌋ as a number of any dtype. */
export const halves = defineElement({
  name: "halves",
  summary: "half a distance, rounded down",
  operands: [],
  attrs: { to: attr.dtype("f32"), length: attr.dim(9) },
  cases: [],
  infer: (_, { to, length }) => tensorType(to, [length]),
  element<I, E, C>([i]: readonly I[], m: Math3<I, E, C>, { attrs }: { attrs: Record<string, unknown> }): E {
    return m.toElement(m.div(m.sub(i as I, m.dim(3)), m.dim(2)), attrs["to"] as DType);
  },
});
/** Rows in reverse, told from both sides, so that it may stand behind an anchor. */
export const reverse = defineElement({
  name: "reverse",
  summary: "columns from the last to the first",
  operands: ["x"],
  cases: [],
  infer: ([x]) => x,
  element: ([i, j], m, { types }) =>
    m.load(0, [i as never, m.sub(m.dim(at(at(types, 0).shape, 1)), m.add(j as never, m.dim(1)))]),
  targets: ([i, j], m, { types }) => [
    { result: 0, at: [i as never, m.sub(m.dim(at(at(types, 0).shape, 1)), m.add(j as never, m.dim(1)))] },
  ],
});

/** acc + x, element by element, in acc's own place. */
const sum = add;
export const accumulate: Op = {
  ...sum,
  name: "accumulate",
  summary: "adds to a state, in place",
  operands: ["acc", "x"],
  traits: { ...(sum.traits.element && { element: sum.traits.element }), updatesFirstOperand: true },
};

/** A condition that comes last, and a result of another dtype than the operands. */
export const keepWhere = definePointwise({
  name: "keep_where",
  summary: "how many of a and b are kept",
  operands: ["a", "b", "keep"],
  dtypes: { 2: "bool" },
  result: () => "i32",
  scalar: ([a, b, keep]) => (keep !== 0 ? (a > 0 ? 1 : 0) + (b > 0 ? 1 : 0) : -1),
  wgsl: ([a, b, keep]) => `select(-1, i32(${a} > 0.0) + i32(${b} > 0.0), ${keep})`,
});
/** A name that is none in WGSL. */
export const dotted = definePointwise({
  name: "__my.own",
  summary: "x + 1",
  operands: ["x"],
  scalar: ([x]) => x + 1,
  wgsl: ([x]) => `${x} + 1.0`,
});
/** Three operands in any order: no op of wgpt's that may be reordered has more than two. */
export const middle = definePointwise({
  name: "middle",
  summary: "neither the smallest nor the largest of three",
  operands: ["a", "b", "c"],
  commutative: true,
  scalar: ([a, b, c]) => a + b + c - Math.min(a, b, c) - Math.max(a, b, c),
  wgsl: ([a, b, c]) => `max(min(${a}, ${b}), min(max(${a}, ${b}), ${c}))`,
});

/** y[t, c] = x[t, c] + Σ pot[r, c + t + r mod C], and level[c] = Σ pot[r, c] − log[C − 1 − c]: every element reads all rows. */
function stirred([pot, x, log]: readonly [HostTensor, HostTensor, HostTensor]): readonly HostTensor[] {
  const [rows = 0, columns = 0] = pot.shape;
  const sum = (at: (row: number) => number): number =>
    Array.from({ length: rows }, (_, r) => pot.data[r * columns + at(r)] ?? 0).reduce((a, b) => a + b, 0);
  const y = x.data.map((value, i) => value + sum((r) => ((i % columns) + Math.floor(i / columns) + r) % columns));
  const level = log.data.map((_, c) => sum(() => c) - (log.data[columns - 1 - c] ?? 0));
  return [
    { ...x, data: y },
    { ...log, data: level },
  ];
}
/** Two results, of which many invocations make a share each, and two operands that are read before the first of them is stored. */
export const stir = defineOp({
  name: "stir",
  summary: "rows of a pot added up in slants, and straight",
  operands: ["pot", "x", "log"],
  traits: { anchor: true, readsBeforeResults: ["pot", "log"] },
  cases: [],
  infer: ([, x, log]) => [x, log],
  reference: stirred,
});
/** The same, without the promise. */
export const stirAtOnce: Op = { ...stir, name: "stir_at_once", traits: { anchor: true } };
