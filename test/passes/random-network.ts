// Random little networks: pointwise ops around matmuls, normalisations and reductions, with caches that are read before
// they are updated. What every pass should keep the meaning of, however strange.
import * as fc from "fast-check";
import { GraphBuilder } from "../../ir/builder.ts";
import { at } from "../../ir/errors.ts";
import type { Graph } from "../../ir/graph.ts";
import * as ops from "../../ir/ops/index.ts";
import { parseType } from "../../ir/parse.ts";
import { broadcastShapes, shapeEquals, symbol } from "../../ir/type.ts";
import type { Value } from "../../ir/value.ts";

const [T, P] = [symbol("T"), symbol("P", 0)];

/** Networks of up to `most` moves, each of one to ten nodes. */
export const randomNetwork = (most: number): fc.Arbitrary<Graph> =>
  fc.array(fc.array(fc.nat(999), { minLength: 5, maxLength: 5 }), { minLength: 1, maxLength: most }).map(build);

class Network {
  readonly builder = new GraphBuilder("random");
  readonly pool: Value[] = [];
  readonly states: Value[] = [];
  /** Caches that nothing has overwritten so far. */
  readonly caches: Value[] = [];
  #numbers: readonly number[] = [];

  choose(numbers: readonly number[]): void {
    this.#numbers = numbers;
  }
  below(n: number): number {
    const [first = 0, ...rest] = this.#numbers;
    this.#numbers = rest;
    return first % n;
  }
  of<X>(list: readonly X[]): X {
    return at(list, this.below(list.length));
  }
  value(wanted: (v: Value) => boolean = () => true): Value | undefined {
    const fitting = this.pool.filter(wanted);
    return fitting.length === 0 ? undefined : this.of(fitting);
  }
}

const rank = (v: Value): number => v.type.shape.length;
const isRows = (v: Value): boolean => rank(v) === 2 && shapeEquals(v.type.shape, [T, 4]);
const fits = (a: Value) => (b: Value) => broadcastShapes(a.type.shape, b.type.shape) !== undefined;

const UNARY = [ops.neg, ops.tanh, ops.erf, ops.cos, ops.gelu];
const BINARY = [ops.add, ops.sub, ops.maximum, ops.mul];

type Move = (n: Network) => readonly (Value | undefined)[];

const MOVES: readonly Move[] = [
  (n) => {
    const x = n.value();
    return x ? [n.builder.op(n.of(UNARY), [x])] : [];
  },
  (n) => {
    const x = n.value();
    const y = x && n.value(fits(x));
    // tanh keeps products of products from growing beyond all digits.
    return x && y ? [n.builder.op(n.of(BINARY), [n.builder.op(ops.tanh, [x]), y])] : [];
  },
  (n) => {
    const x = n.value();
    const k = n.of([0, 1, 0.5, 2, -3]);
    if (!x) return [];
    const op = n.of([ops.add, ops.mul, ops.sub, ops.div]);
    return [n.builder.op(op, k === 0 || n.below(2) === 0 ? [x, k === 0 && op === ops.div ? 4 : k] : [x, 1.5])];
  },
  (n) => {
    const x = n.value(isRows);
    const w = n.builder.input(`w.${n.pool.length}`, parseType("f32[4, 4]"), "weight");
    if (!x) return [];
    const m = n.builder.op(ops.matmul, [x, n.below(3) === 0 ? n.builder.op(ops.transpose, [w], { perm: [1, 0] }) : w]);
    const bias = n.pool.find((v) => rank(v) === 1);
    return [n.below(2) === 0 || !bias ? m : n.builder.op(ops.add, [m, bias])];
  },
  (n) => {
    const x = n.value(isRows);
    const gain = n.value((v) => rank(v) === 1);
    const shift = n.value((v) => rank(v) === 1);
    return x && gain && shift ? [layerNorm(n, x, gain, shift)] : [];
  },
  (n) => {
    const x = n.value();
    return x ? [gelu(n, x)] : [];
  },
  (n) => {
    const x = n.value((v) => rank(v) >= 1);
    return x ? [n.builder.op(n.of([ops.reduceSum, ops.reduceMean, ops.reduceMax]), [x], { axis: -1 })] : [];
  },
  (n) => {
    const x = n.value(isRows);
    if (!x) return [];
    return n.builder.emit(ops.split, [x], { sizes: [2, 2] });
  },
  (n) => {
    const [a, b] = [0, 1].map(() => n.value((v) => rank(v) === 2 && shapeEquals(v.type.shape, [T, 2])));
    return a && b ? [n.builder.op(ops.concat, [a, b], { axis: 1 })] : [];
  },
  (n) => {
    const x = n.value(isRows);
    if (!x) return [];
    const heads = n.builder.op(ops.reshape, [x], { shape: [T, 2, 2] });
    const turned = n.builder.op(ops.transpose, [heads], { perm: [1, 0, 2] });
    const back = n.builder.op(ops.transpose, [turned], { perm: [1, 0, 2] });
    return [n.builder.op(ops.reshape, [back], { shape: [T, 4] }), turned];
  },
  (n) => {
    const x = n.value((v) => rank(v) <= 1);
    return x ? [n.builder.op(ops.expand, [x], { shape: [T, 4] })] : [];
  },
  (n) => {
    const x = n.value();
    const c = x && n.builder.op(ops.less, [x, 0.25]);
    return x && c ? [n.builder.op(ops.select, [c, x, n.value(fits(x)) ?? 1])] : [];
  },
  (n) => {
    // A read of the old cache, kept in the pool: it may meet the new one in a later node.
    const cache = n.caches.length === 0 ? undefined : n.of(n.caches);
    if (!cache) return [];
    return n.below(2) === 0
      ? [n.builder.op(n.of([ops.neg, ops.tanh]), [cache])]
      : [n.builder.op(ops.slice, [cache], { start: 0, length: T })];
  },
  (n) => {
    const x = n.value(isRows);
    const cache = n.caches.pop();
    if (!x || !cache) return [];
    const updated = n.builder.op(ops.cacheUpdate, [cache, x], { start: P });
    n.states.push(updated);
    return [n.below(2) === 0 ? updated : n.builder.op(ops.slice, [updated], { start: P, length: T })];
  },
];

function layerNorm(n: Network, x: Value, gain: Value, shift: Value): Value {
  const { op } = n.builder;
  const d = op(ops.sub, [x, op(ops.reduceMean, [x])]);
  const squares = n.below(2) === 0 ? op(ops.pow, [d, 2]) : op(ops.mul, [d, d]);
  const ve = op(ops.add, [op(ops.reduceMean, [squares]), 1e-5]);
  const normalized = n.below(2) === 0 ? op(ops.mul, [d, op(ops.rsqrt, [ve])]) : op(ops.div, [d, op(ops.sqrt, [ve])]);
  return op(ops.add, [op(ops.mul, [normalized, gain]), shift]);
}

function gelu(n: Network, x: Value): Value {
  const { op } = n.builder;
  const cubic = op(ops.mul, [op(ops.pow, [x, 3]), 0.044715]);
  const t =
    n.below(2) === 0
      ? op(ops.tanh, [op(ops.mul, [op(ops.add, [x, cubic]), Math.sqrt(2 / Math.PI)])])
      : op(ops.erf, [op(ops.div, [x, Math.SQRT2])]);
  return op(ops.mul, [op(ops.mul, [x, 0.5]), op(ops.add, [t, 1])]);
}

function build(moves: readonly (readonly number[])[]): Graph {
  const n = new Network();
  n.pool.push(n.builder.input("x", parseType("f32[T, 4]")), n.builder.input("g", parseType("f32[4]"), "weight"));
  n.caches.push(...["k", "v"].map((name) => n.builder.input(name, parseType("f32[9, 4]"), "state")));
  for (const numbers of moves) {
    n.choose(numbers);
    const made = n.of(MOVES)(n);
    n.pool.push(...made.filter((v) => v !== undefined));
  }
  n.choose(moves[0] ?? []);
  const results = [at(n.pool, -1), n.of(n.pool), ...n.states];
  return n.builder.build([...new Set(results)]);
}
