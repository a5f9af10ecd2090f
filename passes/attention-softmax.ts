// The softmax of masked scores, however attention is written: what the rules for causal attention and for attention by positions ask
// first, and of the same site.
import { at, type Graph, type GraphIndex, graphSymbols, isLiteral, printType, type Value } from "../ir/index.ts";
import { div, exp, matmul, mul, reduceMax, reduceSum, select, sub } from "../ir/ops/index.ts";
import { elementForm } from "./affine-elements.ts";
import { asNumber, constant, type Form, type Names, variable } from "./affine-forms.ts";
import { polynomial, printTerms } from "./algebra.ts";
import { describe, has, on, onWhere, overLastAxis } from "./pattern.ts";
import { type Match, type Predicate, predicate, type Rule } from "./rule.ts";

/** Every exponential. */
export const exponentials: Rule["sites"] = (node) => (node.op === exp ? node.results : []);

/** e / Σe, or e · (1 / Σe), over the last axis. */
function dividesByRowSum(m: Match): true | string {
  const e = m.site;
  const sumNode = m.index.users(e).find((u) => u.op === reduceSum && overLastAxis(u.attrs, u));
  const sum = sumNode?.results[0];
  if (!sum) return `${e.name} is not summed over the last axis`;
  for (const user of m.index.users(e)) {
    const [p] = user.results;
    const terms = p && polynomial(m.index, p, (v) => v === e || v === sum);
    if (!p || !terms || user === sumNode) continue;
    const [only, ...more] = terms;
    if (more.length > 0 || only?.coefficient !== 1 || only.powers.get(e) !== 1 || only.powers.get(sum) !== -1)
      return `${p.name} is ${printTerms(terms)}, not ${e.name}·${sum.name}^-1`;
    m.set("p", p);
    return true;
  }
  return `${e.name} is not divided by ${sum.name}`;
}

/** What people write for "masked" is as low as this, or lower. */
const HIGHEST_MASK = -1e4;

/** select(mask, scores, a large negative number). */
function masksScores(m: Match): true | string {
  const masked = m.value("masked");
  const node = m.index.producer(masked);
  const [mask, scores, rest] = node?.operands ?? [];
  if (node?.op !== select || !mask || !scores || !rest)
    return `${masked.name} is ${describe(m.index, masked)}, not select(mask, scores, a large negative number)`;
  if (isLiteral(rest) && Number.isNaN(rest.literal)) return `a masked score becomes ${rest.name}, and so does its row`;
  // Any literal would be right, for the op takes it as it is. One that scores come near would cost more than it saves.
  if (!isLiteral(rest)) return `a masked score becomes ${rest.name}, which is no literal`;
  if (!(rest.literal <= HIGHEST_MASK))
    return `a masked score becomes ${rest.name}, and above ${HIGHEST_MASK} many rows would have to count their masked keys`;
  m.set("mask", mask);
  m.set("scores", scores);
  m.set("mask_value", rest.literal);
  return true;
}

/** scores = c · (q kᵀ). */
function scaledProduct(m: Match): true | string {
  let product = m.value("scores");
  for (
    let node = m.index.producer(product);
    node && (node.op === mul || node.op === div);
    node = m.index.producer(product)
  ) {
    const next = node.operands.find((v) => !isLiteral(v));
    if (!next) break;
    product = next;
  }
  const node = m.index.producer(product);
  const terms = polynomial(m.index, m.value("scores"), (v) => v === product);
  const [only, ...more] = terms ?? [];
  if (node?.op !== matmul || !only || more.length > 0 || only.powers.get(product) !== 1)
    return `${m.value("scores").name} is ${describe(m.index, m.value("scores"))}, not a matmul times a number`;
  m.set("product", product);
  m.set("q", at(node.operands, 0));
  m.set("k", at(node.operands, 1));
  m.set("scale", only.coefficient);
  return true;
}

/** p · v, whose left side is the softmax. */
function mixesValues(m: Match): true | string {
  const p = m.value("p");
  const user = m.index.users(p).find((u) => u.op === matmul && u.operands[0] === p);
  if (!user) return `${p.name} is not the left side of a matmul`;
  m.set("v", at(user.operands, 1));
  m.set("mixed", at(user.results, 0));
  return true;
}

/** Sets `e`'s softmax `p` of `masked` scores: `mask` and `scores`, and `mask_value`. */
export const softmaxOfMaskedScores: readonly Predicate[] = [
  has(
    "subtracts-the-row-maximum",
    "site.0",
    on(sub, "masked", onWhere(reduceMax, overLastAxis, "masked")),
    "x − max(x) over the last axis",
  ),
  predicate("divides-by-the-row-sum", dividesByRowSum),
  predicate("masks-scores", masksScores),
];

/** Sets `scores`' `q` and `k`, their `product` and the `scale`. */
export const scaledProductOfQueryAndKeys = predicate("scaled-product-of-query-and-keys", scaledProduct);

/** Sets `v`, and `mixed`, which is p · v. */
export const mixesTheValues = predicate("mixes-values", mixesValues);

const symbolNames = new WeakMap<Graph, ReadonlySet<string>>();

/** A name for places that no symbol of the graph has: `name`, or that with primes behind. */
export function placeName({ graph }: GraphIndex, name: string): string {
  const symbols = symbolNames.get(graph) ?? new Set(graphSymbols(graph).map((s) => s.name));
  symbolNames.set(graph, symbols);
  let free = name;
  while (symbols.has(free)) free += "'";
  return free;
}

/**
 * The place [h, i, j] of a score, as forms: a name for each axis, which no symbol of the graph has, but 0 for those of one element.
 * What is known of them goes into `names`.
 */
export function scorePlace(index: GraphIndex, scores: Value, names: Names = new Map()): readonly NonNullable<Form>[] {
  const { shape } = scores.type;
  return shape.map((size, axis) => {
    const fromLast = shape.length - 1 - axis;
    const name = placeName(index, ["j", "i", "h"][fromLast] ?? `h${axis}`);
    if (typeof size === "number") names.set(name, { limit: size });
    return size === 1 ? constant(0) : variable(name);
  });
}

/** The form that is ≥ 0 where the mask lets the key at `place` of the scores through, or why there is none. */
export function maskForm(
  index: GraphIndex,
  mask: Value,
  place: readonly Form[],
  names: Names = new Map(),
): NonNullable<Form> | string {
  const { shape } = mask.type;
  const own = place.slice(place.length - shape.length);
  if (shape.length > place.length || shape.some((d, axis) => d !== 1 && asNumber(at(own, axis)) === 0))
    return `${mask.name} is ${printType(mask.type)}, which widens the scores`;
  const says = elementForm(
    index,
    mask,
    shape.map((d, axis) => (d === 1 ? constant(0) : at(own, axis))),
    names,
  );
  return says ?? `${mask.name} is ${describe(index, mask)}, not a comparison of positions`;
}

/** By which ops a value is read, for a report. */
export const readersByOp = ({ index }: Match, v: Value): string => {
  const ops = index.users(v).map((u) => u.op.name);
  return `${index.isResult(v) ? "returned by the graph and " : ""}read by ${ops.join(", ") || "nothing"}`;
};
