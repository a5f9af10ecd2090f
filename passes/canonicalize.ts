// One spelling for what has several, so that later passes and readers meet fewer forms.
import {
  type Attrs,
  at,
  attrOf,
  CompileError,
  castNumber,
  type Dim,
  dimEquals,
  type GraphIndex,
  isFloat,
  isPointwise,
  literal,
  makeNode,
  type Node,
  resolveAxis,
  shapeEquals,
  typeEquals,
  type Value,
} from "../ir/index.ts";
import {
  add,
  cast,
  div,
  expand,
  mul,
  neg,
  pow,
  reduceMean,
  reduceSum,
  reshape,
  rsqrt,
  slice,
  sqrt,
  sub,
  transpose,
} from "../ir/ops/index.ts";
import { nearly } from "./algebra.ts";
import { Emitter } from "./emit.ts";
import type { Pass } from "./pass.ts";
import { applyOwnRules, type Match, predicate, type Rule } from "./rule.ts";

/** What a node may be spelled as instead; `undefined` when it is fine as it is. */
type Respell = (m: Match, emit: Emitter["op"]) => Value | undefined;

const literalIn = (node: Node, i: number): number | undefined => node.operands[i]?.literal;
const isFloatNode = (node: Node): boolean => node.results.every((r) => isFloat(r.type.dtype));
const ofSameDtype = (node: Node, value: number): Value => literal(value, at(node.results, 0).type.dtype);

/** Whether the node's dtype holds `value` with full precision: reciprocals and products of literals can leave its range. */
function isInRange(node: Node, value: number): boolean {
  const smallest = at(node.results, 0).type.dtype === "f16" ? 2 ** -14 : 2 ** -126;
  return Number.isFinite(castNumber(value, at(node.results, 0).type.dtype)) && Math.abs(value) >= smallest;
}

/** A rule that rewrites single nodes; its predicate is that the spelling differs. */
function respell(name: string, summary: string, applies: (node: Node) => boolean, to: Respell): Rule {
  return {
    name,
    summary,
    sites: (node, index) =>
      applies(node) && to(trial(index, node), () => at(node.results, 0)) !== undefined ? node.results : [],
    predicates: [predicate("has-another-spelling", () => true)],
    replace(m) {
      const emitter = new Emitter(m.index, m.site);
      const fresh = to(m, emitter.op) ?? m.site;
      return emitter.replace([m.node], fresh);
    },
  };
}

const trial = (index: GraphIndex, node: Node): Match => ({ index, node, site: at(node.results, 0) }) as Match;

const producerOf = (m: Match, i: number): Node | undefined => m.index.producer(at(m.node.operands, i));

const RULES: readonly Rule[] = [
  respell(
    "literal-on-the-right",
    "add(1.0, x) → add(x, 1.0)",
    (n) =>
      n.op.traits.commutative === true &&
      n.operands.length === 2 &&
      literalIn(n, 0) !== undefined &&
      literalIn(n, 1) === undefined,
    ({ node }, emit) => emit(node.op, [at(node.operands, 1), at(node.operands, 0)], node.attrs),
  ),
  respell(
    "subtract-a-literal",
    "sub(x, 2.0) → add(x, -2.0)",
    (n) => n.op === sub && isFloatNode(n) && literalIn(n, 1) !== undefined,
    ({ node }, emit) => emit(add, [at(node.operands, 0), ofSameDtype(node, -(literalIn(node, 1) ?? 0))]),
  ),
  respell(
    "divide-by-a-literal",
    "div(x, 8.0) → mul(x, 0.125)",
    (n) => n.op === div && isFloatNode(n) && isInRange(n, 1 / (literalIn(n, 1) ?? 0)),
    ({ node }, emit) => emit(mul, [at(node.operands, 0), ofSameDtype(node, 1 / (literalIn(node, 1) ?? 1))]),
  ),
  respell(
    "divide-by-a-root",
    "div(x, sqrt(v)) → mul(x, rsqrt(v))",
    (n) => n.op === div,
    (m, emit) => {
      const root = producerOf(m, 1);
      if (root?.op !== sqrt) return undefined;
      const reciprocal = emit(rsqrt, root.operands);
      return literalIn(m.node, 0) === 1 ? reciprocal : emit(mul, [at(m.node.operands, 0), reciprocal]);
    },
  ),
  respell(
    "literal-power",
    "pow(x, 2.0) → mul(x, x); likewise 3, 1, 0.5 and -0.5",
    (n) => n.op === pow && isFloatNode(n),
    ({ node }, emit) => {
      const x = at(node.operands, 0);
      switch (literalIn(node, 1)) {
        case 1:
          return x;
        case 2:
          return emit(mul, [x, x]);
        case 3:
          return emit(mul, [emit(mul, [x, x]), x]);
        case 0.5:
          return emit(sqrt, [x]);
        case -0.5:
          return emit(rsqrt, [x]);
        default:
          return undefined;
      }
    },
  ),
  respell(
    "add-zero-or-times-one",
    "add(x, 0.0) and mul(x, 1.0) → x",
    (n) => n.op === add || n.op === mul,
    ({ node, site }) => {
      const x = at(node.operands, 0);
      return literalIn(node, 1) === (node.op === add ? 0 : 1) && typeEquals(x.type, site.type) ? x : undefined;
    },
  ),
  respell(
    "literal-chain",
    "mul(mul(x, a), b) → mul(x, a·b)",
    (n) => n.op === mul && isFloatNode(n) && literalIn(n, 1) !== undefined,
    (m, emit) => {
      const inner = producerOf(m, 0);
      const k = inner && literalIn(inner, 1);
      if (inner?.op !== mul || k === undefined || !m.index.isPrivate(at(inner.results, 0))) return undefined;
      const product = k * (literalIn(m.node, 1) ?? 1);
      return isInRange(m.node, product) ? emit(mul, [at(inner.operands, 0), ofSameDtype(m.node, product)]) : undefined;
    },
  ),
  respell(
    "add-the-negative",
    "add(x, neg(y)) → sub(x, y)",
    (n) => n.op === add,
    (m, emit) => {
      for (const i of [0, 1]) {
        const minus = producerOf(m, i);
        if (minus?.op === neg) return emit(sub, [at(m.node.operands, 1 - i), at(minus.operands, 0)]);
      }
      return undefined;
    },
  ),
  respell(
    "sum-over-count",
    "reduce_sum(x) / n → reduce_mean(x)",
    (n) => n.op === mul && literalIn(n, 1) !== undefined,
    (m, emit) => {
      const sum = producerOf(m, 0);
      const x = sum?.operands[0];
      if (sum?.op !== reduceSum || !x || !m.index.isPrivate(at(sum.results, 0))) return undefined;
      const count = x.type.shape[resolveAxis(Number(sum.attrs["axis"]), x.type.shape.length) ?? 0];
      return typeof count === "number" && nearly(literalIn(m.node, 1) ?? 0, 1 / count)
        ? emit(reduceMean, [x], sum.attrs)
        : undefined;
    },
  ),
  respell(
    "moves-nothing",
    "a reshape, expand, cast or slice to what it already is → its operand",
    (n) => n.op === reshape || n.op === expand || n.op === cast || n.op === slice,
    ({ node, site }) => {
      const x = at(node.operands, 0);
      const whole = node.op !== slice || dimEquals(attrOf<Dim>(node.attrs, "start"), 0);
      return whole && typeEquals(x.type, site.type) ? x : undefined;
    },
  ),
  respell(
    "reshape-of-a-reshape",
    "reshape(reshape(x)) → reshape(x)",
    (n) => n.op === reshape,
    (m, emit) => {
      const inner = producerOf(m, 0);
      return inner?.op === reshape ? emit(reshape, inner.operands, m.node.attrs) : undefined;
    },
  ),
  respell(
    "transpose-of-a-transpose",
    "two transposes → one, or none",
    (n) => n.op === transpose,
    (m, emit) => {
      const perm = permOf(m.node.attrs);
      if (perm.every((axis, i) => axis === i)) return at(m.node.operands, 0);
      const inner = producerOf(m, 0);
      return inner?.op === transpose
        ? emit(transpose, inner.operands, { perm: perm.map((axis) => at(permOf(inner.attrs), axis)) })
        : undefined;
    },
  ),
  respell(
    "repeat-to-broadcast",
    "add(expand(x), y) → add(x, y) where y is as wide",
    (n) => n.operands.length > 1 && n.results.length === 1 && isPointwise(n),
    (m, emit) => {
      const { node, site } = m;
      const i = node.operands.findIndex((v) => m.index.producer(v)?.op === expand);
      if (i < 0 || !node.operands.some((v, k) => k !== i && shapeEquals(v.type.shape, site.type.shape)))
        return undefined;
      const narrow = producerOf(m, i)?.operands[0];
      const operands = node.operands.map((v, k) => (k === i && narrow ? narrow : v));
      return broadcasts(node, operands) ? emit(node.op, operands, node.attrs) : undefined;
    },
  ),
];

/** Whether the node's op is pointwise on these operands too, and gives what it gave. An op may take operands of one shape only. */
function broadcasts({ op, attrs, results }: Node, operands: readonly Value[]): boolean {
  const { name, type } = at(results, 0);
  try {
    const node = makeNode(op, operands, attrs, [name]);
    return isPointwise(node) && typeEquals(at(node.results, 0).type, type);
  } catch (error) {
    if (error instanceof CompileError) return false;
    throw error;
  }
}

const permOf = (attrs: Attrs): readonly number[] => attrOf<readonly number[]>(attrs, "perm");

/** One spelling for what has several. */
export const canonicalize: Pass = {
  name: "canonicalize",
  summary: "one spelling for what has several",
  role: "simplify",
  run: (graph, report) => applyOwnRules(graph, RULES, report),
};
