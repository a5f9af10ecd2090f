// Random valid graphs, for properties that hold of every graph. fast-check picks numbers; each is a move that adds a node.
import * as fc from "fast-check";
import { GraphBuilder } from "../../ir/builder.ts";
import { at } from "../../ir/errors.ts";
import { fusedNode } from "../../ir/fused.ts";
import type { Graph } from "../../ir/graph.ts";
import type { Op } from "../../ir/op.ts";
import * as ops from "../../ir/ops/index.ts";
import { parseType } from "../../ir/parse.ts";
import { printGraph } from "../../ir/print.ts";
import {
  addDims,
  broadcastShapes,
  type Dim,
  dimEquals,
  evalDim,
  isFloat,
  type SymbolValues,
  symbol,
  tensorType,
} from "../../ir/type.ts";
import type { Value } from "../../ir/value.ts";

/** The symbols' values that every random graph can be interpreted with. */
const P = symbol("P", 0);

export const RANDOM_SYMBOLS: SymbolValues = { B: 2, T: 3, P: 2 };

/** Graphs of up to `maxNodes` nodes over a handful of shapes, some of them symbolic, one region among them now and then. */
export const randomGraph = (maxNodes = 12): fc.Arbitrary<Graph> =>
  fc
    .array(fc.array(fc.nat(255), { minLength: 4, maxLength: 4 }), { minLength: 1, maxLength: maxNodes })
    .map(buildGraph);

/** One move's numbers, used up one after the other. */
class Choices {
  readonly #numbers: readonly number[];
  #next = 0;

  constructor(numbers: readonly number[]) {
    this.#numbers = numbers;
  }
  below(n: number): number {
    return (this.#numbers[this.#next++] ?? 0) % n;
  }
  of<X>(list: readonly X[]): X {
    return at(list, this.below(list.length));
  }
}

/** Adds a node that reads values of the pool, or nothing where none fits. */
type Move = (b: GraphBuilder, pool: readonly Value[], choose: Choices) => readonly Value[];

const UNARY = [ops.neg, ops.tanh, ops.erf, ops.cos, ops.gelu];
const BINARY = [ops.add, ops.sub, ops.mul, ops.maximum];
const COMPARE = [ops.less, ops.greaterEqual, ops.equal];
const REDUCE = [ops.reduceSum, ops.reduceMean, ops.reduceMax];

const rank = (v: Value) => v.type.shape.length;
const size = (d: Dim) => evalDim(d, RANDOM_SYMBOLS) ?? 0;
const floats = (pool: readonly Value[]) => pool.filter((v) => isFloat(v.type.dtype));
const withRank = (pool: readonly Value[], least: number) => floats(pool).filter((v) => rank(v) >= least);
const fits = (a: Value, b: Value) => broadcastShapes(a.type.shape, b.type.shape) !== undefined;

const MOVES: readonly Move[] = [
  (b, pool, choose) => b.emit(choose.of(UNARY), [choose.of(floats(pool))]),
  (b, pool, choose) => {
    const x = choose.of(floats(pool));
    return b.emit(choose.of(BINARY), [x, choose.of(floats(pool).filter((y) => fits(x, y)))]);
  },
  (b, pool, choose) => b.emit(choose.of(BINARY), [choose.of(floats(pool)), choose.of([0.5, -1, 1e-5, 3])]),
  (b, pool, choose) => {
    const x = choose.of(floats(pool));
    const [condition] = b.emit(choose.of(COMPARE), [x, 0.25]);
    return condition ? [condition, ...b.emit(ops.select, [condition, x, -1e10])] : [];
  },
  (b, pool, choose) => {
    const x = choose.of(withRank(pool, 1));
    return b.emit(choose.of(REDUCE), [x], { axis: choose.below(rank(x)), keepdims: choose.below(2) === 0 });
  },
  (b, pool, choose) => {
    const x = choose.of(withRank(pool, 2));
    const perm = x.type.shape.map((_, i) => i);
    const turn = 1 + choose.below(rank(x) - 1);
    return b.emit(ops.transpose, [x], { perm: [...perm.slice(turn), ...perm.slice(0, turn)] });
  },
  (b, pool, choose) => {
    const x = choose.of(withRank(pool, 1));
    const [last, before] = [at(x.type.shape, -1), x.type.shape.at(-2)];
    const rest = x.type.shape.slice(0, -1);
    if (typeof last !== "number") return b.emit(ops.reshape, [x], { shape: [...rest, last, 1] });
    if (typeof before !== "number") return b.emit(ops.reshape, [x], { shape: [...rest, 1, last] });
    return b.emit(ops.reshape, [x], { shape: [...rest.slice(0, -1), before * last] });
  },
  (b, pool, choose) => {
    const x = choose.of(withRank(pool, 1));
    const n = at(x.type.shape, -1);
    return typeof n === "number" && n > 1 ? b.emit(ops.split, [x], { sizes: [1, n - 1] }) : [];
  },
  (b, pool, choose) => {
    const x = choose.of(withRank(pool, 1));
    const axis = choose.below(rank(x));
    const n = at(x.type.shape, axis);
    return typeof n === "number" && n > 1 ? b.emit(ops.slice, [x], { axis, start: 1, length: n - 1 }) : [];
  },
  (b, pool, choose) => {
    const x = choose.of(withRank(pool, 1));
    // Doubling again and again would make the interpreter slow.
    return size(at(x.type.shape, 0)) > 12 ? [] : b.emit(ops.concat, [x, x]);
  },
  (b, pool, choose) => {
    const x = choose.of(withRank(pool, 2));
    const partners = withRank(pool, 2).filter(
      ({ type: { shape } }) =>
        dimEquals(at(shape, -2), at(x.type.shape, -1)) &&
        broadcastShapes(shape.slice(0, -2), x.type.shape.slice(0, -2)) !== undefined,
    );
    return partners.length === 0 ? [] : b.emit(ops.matmul, [x, choose.of(partners)]);
  },
  (b, pool, choose) => {
    const tables = withRank(pool, 1).filter((v) => size(at(v.type.shape, 0)) >= 3);
    const ids = pool.find((v) => v.type.dtype === "i32");
    return tables.length === 0 || !ids ? [] : b.emit(ops.gather, [choose.of(tables), ids]);
  },
  (b, _pool, choose) =>
    b.emit(ops.iota, [], { start: P, length: addDims(addDims(P, symbol("T")), 1 + choose.below(2)) }),
  (b, pool, choose) =>
    addRegion(b, `region_${pool.length}`, choose.of(floats(pool)), choose.of(floats(pool)), choose.of(UNARY)),
];

/** A fused region of two pointwise ops, whose body calls its values what it likes. */
function addRegion(b: GraphBuilder, name: string, x: Value, y: Value, op: Op): readonly Value[] {
  if (x === y || !fits(x, y)) return [];
  const body = new GraphBuilder("pointwise");
  const sum = body.op(ops.add, [body.input("a", x.type), body.input("b", y.type)], {}, "s");
  const result = body.op(op, [sum], {}, "ids");
  return b.add(fusedNode("pointwise", [x, y], body.build([result]), [name]));
}

function buildGraph(moves: readonly (readonly number[])[]): Graph {
  const b = new GraphBuilder("random");
  const pool: Value[] = [
    b.input("x", parseType("f32[T, 4]")),
    b.input("weight", parseType("f32[4, 6]"), "weight"),
    b.input("h.0.bias", parseType("f32[6]"), "weight"),
    b.input("s", parseType("f32[2, T, 4]")),
    b.input("q", tensorType("f32", [addDims(P, symbol("T")), 4])),
    b.input("ids", parseType("i32[T]")),
  ];
  for (const numbers of moves) {
    const choose = new Choices(numbers);
    pool.push(...choose.of(MOVES)(b, pool, choose));
  }
  // A state is updated once, at the end: nothing may read it after that.
  const cache = b.input("cache", parseType("f32[9, 4]"), "state");
  const updated = b.op(ops.cacheUpdate, [cache, at(pool, 0)], { start: P });
  const graph = b.build([...pool.slice(-3), updated]);
  // A failing property shows the graph as text.
  return Object.assign(graph, { [fc.toStringMethod]: () => printGraph(graph) });
}
