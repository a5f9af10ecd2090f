// Ops of a user's that move and compute in one definition, which is the reference and the kernels' text.
import { attr, attrOf } from "../../ir/attr.ts";
import { defineElement } from "../../ir/define-element.ts";
import { at, CompileError } from "../../ir/errors.ts";
import { type Dim, printType, tensorType } from "../../ir/type.ts";

/** y[t, c] = x[t, c] · cos[t, d] ∓ x[t, partner] · sin[t, d]: pairs of a head's columns, half a head apart, turned by an angle each. */
export const rotary = defineElement({
  name: "rotary",
  summary: "turn pairs of columns, half a head apart",
  operands: ["x", "cos", "sin"],
  cases: [{ types: ["f32[3, 16]", "f32[3, 8]", "f32[3, 8]"] }],
  infer([x, cos, sin]) {
    const [size, columns] = [cos.shape[1], x.shape[1]];
    if (typeof size !== "number" || typeof columns !== "number" || columns % size !== 0 || size % 2 !== 0)
      throw new CompileError(
        "rotary",
        `x is ${printType(x)}, but cos and sin are ${printType(cos)}, ${printType(sin)}`,
      );
    return x;
  },
  element([t, c], m, { types }) {
    const size = m.dim(at(at(types, 1).shape, 1));
    const half = m.div(size, m.dim(2));
    const [row, column] = [t as never, c as never];
    const d = m.mod(column, size);
    const partner = m.add(m.sub(column, d), m.mod(m.add(d, half), size));
    const { scalar: s } = m;
    const other = m.load(0, [row, partner]);
    const turned = m.select(
      m.less(d, half),
      () => s.neg(other),
      () => other,
    );
    return s.add(s.mul(m.load(0, [row, column]), m.load(1, [row, d])), s.mul(turned, m.load(2, [row, d])));
  },
});

/** y[i, j] = codes[i, j] · scales[i, ⌊j / block⌋]. */
export const dequantize = defineElement({
  name: "dequantize",
  summary: "codes times the scales of their blocks",
  operands: ["codes", "scales"],
  attrs: { block: attr.int(32) },
  cases: [{ types: ["i32[3, 64]", "f32[3, 2]"] }],
  infer([codes, scales]) {
    return tensorType(scales.dtype, codes.shape);
  },
  element(place, m, { attrs }) {
    const block = m.div(at(place, -1), m.dim(attrOf<number>(attrs, "block")));
    const scale = m.load(1, [...place.slice(0, -1), block]);
    return m.scalar.mul(m.scalar.cast(m.load(0, place), "f32"), scale);
  },
});

/** y[i] = a[i] where it is kept, else b[i + past]: a place that exists only where it is chosen. */
export const keepOr = defineElement({
  name: "keep_or",
  summary: "a where it is kept, else what stands further on in b",
  operands: ["keep", "a", "b"],
  attrs: { past: attr.dim(0) },
  cases: [{ types: ["bool[5]", "f32[5]", "f32[9]"], attrs: { past: 4 } }],
  infer: ([_, a]) => a,
  element([i], m, { attrs }) {
    const [place, past] = [i as never, m.dim(attrOf<Dim>(attrs, "past"))];
    return m.select(
      m.scalar.holds(m.load(0, [place])),
      () => m.load(1, [place]),
      () => m.load(2, [m.add(place, past)]),
    );
  },
});

/** Both functions of an angle, and how far along its row it stands: several results, and one that depends on the place. */
export const wave = defineElement({
  name: "wave",
  summary: "sine, cosine and phase",
  operands: ["x", "speed"],
  cases: [{ types: ["f32[3, 6]", "f32[3]"] }],
  infer: ([x]) => [x, x, x],
  element([t, c], m, { result }) {
    const { scalar: s } = m;
    const x = m.load(0, [t as never, c as never]);
    if (result === 0) return s.sin(x);
    if (result === 1) return s.cos(x);
    const speed = m.load(1, [m.div(c as never, m.dim(2))]);
    return s.add(x, s.mul(speed, m.toElement(c as never, "f32")));
  },
});

/** Every function that ops share, one after another, so that each is tried in both languages. */
export const medley = defineElement({
  name: "medley",
  summary: "all shared functions in one",
  operands: ["x", "i"],
  cases: [{ types: ["f32[4, 5]", "i32[4, 5]"] }],
  infer: ([x]) => x,
  element(place, m) {
    const { scalar: s } = m;
    const [x, i] = [m.load(0, place), m.load(1, place)];
    const one = s.constant(1, "f32");
    const positive = s.add(s.abs(x), one);
    const parts = [
      s.sub(s.log(positive), s.exp(s.neg(positive))),
      s.div(s.sqrt(positive), s.inverseSqrt(positive)),
      s.mul(s.tanh(x), s.sin(x)),
      s.min(s.cos(x), s.floor(x)),
      s.max(s.pow(positive, s.constant(0.5, "f32")), x),
      s.cast(s.div(s.sub(i, s.constant(7, "i32")), s.constant(2, "i32")), "f32"),
    ];
    const sum = parts.reduce((a, b) => s.add(a, b));
    const near = m.select(
      s.lessEqual(x, one),
      () => sum,
      () => s.neg(sum),
    );
    return m.select(
      s.equal(i, s.constant(1, "i32")),
      () => s.mul(near, s.constant(0.5, "f32")),
      () =>
        m.select(
          s.less(x, s.constant(0, "f32")),
          () => s.add(near, one),
          () => near,
        ),
    );
  },
});
