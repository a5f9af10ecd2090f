// The functions of numbers that WGSL and JavaScript share, each in both languages. Ops are made of them, one of wgpt's own for each
// or a user's of several, so that what knows one of them here knows it in every op.
import { attrOf } from "./attr.ts";
import type { ScalarContext, ScalarFunction, ScalarMath } from "./element.ts";
import { at } from "./errors.ts";
import { castNumber } from "./tensor.ts";
import type { DType } from "./type.ts";
import { SIGNED_POW_WGSL, SINE_WGSL, TANH_WGSL } from "./wgsl-helpers.ts";

const unary = (
  scalar: (x: number) => number,
  wgsl: (x: string) => string,
  helpers?: readonly string[],
): ScalarFunction => ({
  scalar: (args) => scalar(at(args, 0)),
  wgsl: (args) => wgsl(at(args, 0)),
  ...(helpers && { helpers }),
});

const binary = (
  scalar: (a: number, b: number, context: ScalarContext) => number,
  wgsl: (a: string, b: string) => string,
  helpers?: readonly string[],
): ScalarFunction => ({
  scalar: (args, context) => scalar(at(args, 0), at(args, 1), context),
  wgsl: (args) => wgsl(at(args, 0), at(args, 1)),
  ...(helpers && { helpers }),
});

const comparison = (scalar: (a: number, b: number) => boolean, sign: string): ScalarFunction => ({
  ...binary(
    (a, b) => (scalar(a, b) ? 1 : 0),
    (a, b) => `${a} ${sign} ${b}`,
  ),
  result: () => "bool",
});

const isInteger = ({ dtype }: ScalarContext): boolean => dtype === "i32" || dtype === "u32";

const castTo: ScalarFunction = {
  scalar: ([x = 0], { attrs }) => castNumber(x, attrOf<DType>(attrs, "to")),
  wgsl([x = ""], { attrs, dtype }) {
    const to = attrOf<DType>(attrs, "to");
    // Registers hold halves as f32.
    return to === "f16" ? `quantizeToF16(${dtype === "f32" ? x : `f32(${x})`})` : `${to}(${x})`;
  },
  result: (_, attrs) => attrOf<DType>(attrs, "to"),
};

/** Scalar functions by name. */
export const SCALARS = {
  add: binary(
    (a, b) => a + b,
    (a, b) => `${a} + ${b}`,
  ),
  sub: binary(
    (a, b) => a - b,
    (a, b) => `${a} - ${b}`,
  ),
  /** A product of integers can be larger than what an f64 holds exactly. */
  mul: binary(
    (a, b, context) => (isInteger(context) ? Math.imul(a, b) : a * b),
    (a, b) => `${a} * ${b}`,
  ),
  /** Integers truncate toward zero, and a / 0 is a, as in WGSL. */
  div: binary(
    (a, b, context) => (isInteger(context) ? (b === 0 ? a : Math.trunc(a / b)) : a / b),
    (a, b) => `${a} / ${b}`,
  ),
  min: binary(
    (a, b) => Math.min(a, b),
    (a, b) => `min(${a}, ${b})`,
  ),
  max: binary(
    (a, b) => Math.max(a, b),
    (a, b) => `max(${a}, ${b})`,
  ),
  /**
   * WGSL's own `pow` is undefined for a negative base, so whole exponents take the sign from the base, as IEEE's pow does;
   * anything else of a negative base is NaN.
   */
  pow: binary(
    (a, b) => a ** b,
    (a, b) => (b === "2.0" ? `${a} * ${a}` : b === "3.0" ? `${a} * ${a} * ${a}` : `signed_pow(${a}, ${b})`),
    [SIGNED_POW_WGSL],
  ),
  neg: unary(
    (x) => -x,
    (x) => `-${x}`,
  ),
  abs: unary(Math.abs, (x) => `abs(${x})`),
  floor: unary(Math.floor, (x) => `floor(${x})`),
  exp: unary(Math.exp, (x) => `exp(${x})`),
  log: unary(Math.log, (x) => `log(${x})`),
  sqrt: unary(Math.sqrt, (x) => `sqrt(${x})`),
  inverseSqrt: unary(
    (x) => 1 / Math.sqrt(x),
    (x) => `inverseSqrt(${x})`,
  ),
  tanh: unary(Math.tanh, (x) => `tanh_of(${x})`, [TANH_WGSL]),
  sin: unary(Math.sin, (x) => `sine(${x}, 0u)`, [SINE_WGSL]),
  cos: unary(Math.cos, (x) => `sine(abs(${x}), 1u)`, [SINE_WGSL]),
  less: comparison((a, b) => a < b, "<"),
  lessEqual: comparison((a, b) => a <= b, "<="),
  greater: comparison((a, b) => a > b, ">"),
  greaterEqual: comparison((a, b) => a >= b, ">="),
  equal: comparison((a, b) => a === b, "=="),
  /** To the dtype in the attribute `to`. */
  cast: castTo,
} satisfies Record<string, ScalarFunction>;

/** Arithmetic on elements, by how a function is called. */
export function scalarMath<E, C>(by: Pick<ScalarMath<E, C>, "constant" | "call" | "holds">): ScalarMath<E, C> {
  const one = (f: ScalarFunction) => (x: E) => by.call(f, [x]);
  const two = (f: ScalarFunction) => (a: E, b: E) => by.call(f, [a, b]);
  const test = (f: ScalarFunction) => (a: E, b: E) => by.holds(by.call(f, [a, b]));
  return {
    ...by,
    add: two(SCALARS.add),
    sub: two(SCALARS.sub),
    mul: two(SCALARS.mul),
    div: two(SCALARS.div),
    min: two(SCALARS.min),
    max: two(SCALARS.max),
    pow: two(SCALARS.pow),
    neg: one(SCALARS.neg),
    abs: one(SCALARS.abs),
    floor: one(SCALARS.floor),
    exp: one(SCALARS.exp),
    log: one(SCALARS.log),
    sqrt: one(SCALARS.sqrt),
    inverseSqrt: one(SCALARS.inverseSqrt),
    tanh: one(SCALARS.tanh),
    sin: one(SCALARS.sin),
    cos: one(SCALARS.cos),
    cast: (x, to) => by.call(SCALARS.cast, [x], { to }),
    less: test(SCALARS.less),
    lessEqual: test(SCALARS.lessEqual),
    equal: test(SCALARS.equal),
  };
}
