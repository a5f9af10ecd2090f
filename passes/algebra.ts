// Expressions as polynomials: a formula is recognised by what it computes, whatever its spelling. Operands swapped,
// x·x for x², a constant in another place or a division by its reciprocal all give the same terms.
import { type GraphIndex, isLiteral, type Op, type Value } from "../ir/index.ts";
import * as ops from "../ir/ops/index.ts";

/** A product of powers (negative ones are divisions) with a coefficient. */
export interface Term {
  readonly coefficient: number;
  readonly powers: ReadonlyMap<Value, number>;
}

const LIMIT = 24;

const key = (powers: ReadonlyMap<Value, number>, order: Map<Value, number>): string =>
  [...powers]
    .map(([v, n]) => {
      if (!order.has(v)) order.set(v, order.size);
      return `${order.get(v)}^${n}`;
    })
    .sort()
    .join(" ");

function collect(terms: readonly Term[]): readonly Term[] {
  const sums = new Map<string, Term>();
  const order = new Map<Value, number>();
  for (const t of terms) {
    const k = key(t.powers, order);
    sums.set(k, { powers: t.powers, coefficient: (sums.get(k)?.coefficient ?? 0) + t.coefficient });
  }
  return [...sums.values()].filter((t) => t.coefficient !== 0);
}

function times(a: readonly Term[], b: readonly Term[]): readonly Term[] {
  return collect(
    a.flatMap((x) =>
      b.map((y) => {
        const powers = new Map(x.powers);
        for (const [v, n] of y.powers) {
          const sum = (powers.get(v) ?? 0) + n;
          if (sum === 0) powers.delete(v);
          else powers.set(v, sum);
        }
        return { coefficient: x.coefficient * y.coefficient, powers };
      }),
    ),
  );
}

const inverse = (terms: readonly Term[]): readonly Term[] | undefined => {
  const [only, ...more] = terms;
  if (!only || more.length > 0) return undefined;
  return [{ coefficient: 1 / only.coefficient, powers: new Map([...only.powers].map(([v, n]) => [v, -n])) }];
};

/**
 * The terms of `value` over the values that `isLeaf` names, or `undefined` where it reaches anything else but
 * arithmetic on literals (or grows beyond two dozen terms).
 */
export function polynomial(
  index: GraphIndex,
  value: Value,
  isLeaf: (v: Value) => boolean,
): readonly Term[] | undefined {
  const known = new Map<Value, readonly Term[] | undefined>();
  // A value that is read twice is looked at once: y = x + x, z = y + y, … would double the work at each step.
  const termsOf = (v: Value): readonly Term[] | undefined => {
    if (!known.has(v)) known.set(v, expand(v));
    return known.get(v);
  };
  const expand = (v: Value): readonly Term[] | undefined => {
    if (isLeaf(v)) return [{ coefficient: 1, powers: new Map([[v, 1]]) }];
    if (isLiteral(v)) return v.literal === 0 ? [] : [{ coefficient: v.literal, powers: new Map() }];
    const node = index.producer(v);
    if (!node || !ARITHMETIC.has(node.op)) return undefined;
    const [a, b] = node.operands.map(termsOf);
    if (!a || (node.operands.length > 1 && !b)) return undefined;
    const terms = combine(node.op, a, b ?? []);
    return terms && terms.length <= LIMIT ? terms : undefined;
  };
  return termsOf(value);
}

const ARITHMETIC = new Set([ops.add, ops.sub, ops.mul, ops.div, ops.neg, ops.pow]);
/** Whether `polynomial` can look through the op. */
export const isArithmetic = (op: Op): boolean => ARITHMETIC.has(op);

const scale = (terms: readonly Term[], k: number): readonly Term[] =>
  terms.map((t) => ({ ...t, coefficient: t.coefficient * k }));

function combine(op: Op, a: readonly Term[], b: readonly Term[]): readonly Term[] | undefined {
  if (op === ops.add) return collect([...a, ...b]);
  if (op === ops.sub) return collect([...a, ...scale(b, -1)]);
  if (op === ops.neg) return scale(a, -1);
  if (op === ops.mul) return times(a, b);
  if (op === ops.div) {
    const under = inverse(b);
    return under && times(a, under);
  }
  const [exponent] = b;
  const n = b.length === 1 && exponent?.powers.size === 0 ? exponent.coefficient : Number.NaN;
  if (!Number.isInteger(n) || n < 1 || n > 8) return undefined;
  let product = a;
  for (let i = 1; i < n; i++) product = times(product, a);
  return product;
}

/** Constants in checkpoints and papers are rounded: 0.7978845608 and √(2/π) are the same number here. */
export const nearly = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-6 * Math.max(Math.abs(a), Math.abs(b));

/** Whether the terms are exactly the wanted ones, coefficients compared by `nearly`. */
export function sameTerms(
  terms: readonly Term[],
  wanted: readonly (readonly [coefficient: number, ...factors: (readonly [Value, number])[]])[],
): boolean {
  if (terms.length !== wanted.length) return false;
  return wanted.every(([coefficient, ...factors]) =>
    terms.some(
      (t) =>
        t.powers.size === factors.length &&
        factors.every(([v, n]) => t.powers.get(v) === n) &&
        nearly(t.coefficient, coefficient),
    ),
  );
}

export function printTerms(terms: readonly Term[]): string {
  if (terms.length === 0) return "0";
  const power = ([v, n]: readonly [Value, number]) => (n === 1 ? v.name : `${v.name}^${n}`);
  return terms.map((t) => [Number(t.coefficient.toPrecision(6)), ...[...t.powers].map(power)].join("·")).join(" + ");
}
