import {
  addDims,
  at,
  attrOf,
  type Dim,
  dimEquals,
  isLiteral,
  isNeverNegative,
  printDim,
  printType,
  subDims,
  typeEquals,
  type Value,
} from "../ir/index.ts";
import {
  div,
  exp,
  matmul,
  mul,
  reduceMax,
  reduceSum,
  reshape,
  scaledDotProductAttention,
  select,
  slice,
  sub,
} from "../ir/ops/index.ts";
import { constant, elementForm, ofDim, plus, printForm, sameForm, variable } from "./affine-elements.ts";
import { polynomial, printTerms } from "./algebra.ts";
import { Emitter } from "./emit.ts";
import { type HeadAxes, headsOf, isSideBySide, isView, seenThrough, type View, wholeView } from "./head-views.ts";
import type { Pass } from "./pass.ts";
import { describe, has, isPrivate, on, onWhere, overLastAxis } from "./pattern.ts";
import { applyOwnRules, type Match, predicate, type Rule } from "./rule.ts";

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

/** The mask at [h, i, j] must say j ≤ i + (S − T): the last query sees every key, each one before it one less. */
function maskIsCausal(m: Match): true | string {
  const [mask, scores] = [m.value("mask"), m.value("scores")];
  const { shape } = mask.type;
  const [rows, columns] = [at(scores.type.shape, -2), at(scores.type.shape, -1)];
  const names = [
    ...scores.type.shape.slice(2).map((_, n, batch) => (n === batch.length - 1 ? "h" : `h${n}`)),
    "i",
    "j",
  ];
  if (shape.length > names.length) return `${mask.name} is ${printType(mask.type)}, which widens the scores`;
  const place = shape.map((d, k) => (d === 1 ? constant(0) : variable(at(names, k + names.length - shape.length))));
  const says = elementForm(m.index, mask, place);
  if (!says) return `${mask.name} is ${describe(m.index, mask)}, not a comparison of positions`;
  // Axes of one element are read at 0, in the mask and in what is wanted of it.
  const i = rows === 1 ? constant(0) : variable("i");
  const wanted = plus(plus(plus(i, ofDim(columns)), ofDim(rows), -1), columns === 1 ? constant(0) : variable("j"), -1);
  return (
    sameForm(says, wanted) ||
    `${mask.name} lets a key through where ${printForm(says)} ≥ 0; causal is ${printForm(wanted)} ≥ 0`
  );
}

/** Every query sees its own key at least: for no size of the symbols are there more queries than keys. */
const seesAKey = predicate("every-query-sees-a-key", (m) => {
  const { shape } = m.value("scores").type;
  const [rows, columns] = [at(shape, -2), at(shape, -1)];
  return (
    isNeverNegative(subDims(columns, rows)) ||
    `there are ${printDim(rows)} queries for ${printDim(columns)} keys, so that the first may see none`
  );
});

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

/** Tensors of heads that are rows seen head by head, as transpose(reshape(rows, [n, H, D]), perm) is. */
const heads = (name: string, rowsName: string, axes: Omit<HeadAxes, "batch">, perm: string) =>
  predicate(`${WHAT[name]}-heads`, (m) => {
    const v = m.value(name);
    const batch = m.value(name === "v" ? "mixed" : "product").type.shape.slice(0, -2);
    const found = headsOf(m.index, v, { ...axes, batch });
    if (!found || (name === "q" && found.repeats > 1))
      return `${v.name} is ${describe(m.index, v)}, not transpose(reshape(rows), [${perm}]) or alike`;
    m.set(rowsName, found.source);
    m.set(`${name}.heads`, found.heads);
    m.set(`${name}.width`, found.heads * Number(at(v.type.shape, axes.column)));
    return true;
  });

const WHAT: Readonly<Record<string, string>> = { q: "query", k: "key", v: "value" };

/** The first rows of a cache, or a whole tensor. */
const cacheOf = (predicateName: string, rowsName: string, cacheName: string) =>
  predicate(predicateName, (m) => {
    const rows = m.value(rowsName);
    const node = m.index.producer(rows);
    const sliced = node?.op === slice && attrOf<number>(node.attrs, "axis") === 0;
    if (sliced && !dimEquals(attrOf<Dim>(node.attrs, "start"), 0))
      return `${rows.name} starts at row ${printDim(attrOf<Dim>(node.attrs, "start"))}, not at 0`;
    m.set(cacheName, sliced ? at(node.operands, 0) : rows);
    return true;
  });

const readersByOp = ({ index }: Match, v: Value): string => {
  const ops = index.users(v).map((u) => u.op.name);
  return `${index.isResult(v) ? "returned by the graph and " : ""}read by ${ops.join(", ") || "nothing"}`;
};

/** The heads' rows side by side, as reshape(transpose(p · v, [1, 0, 2]), [T, C]) has them. */
function mergesHeads(m: Match): true | string {
  const mixed = m.value("mixed");
  const wanted = { ...mixed.type, shape: [at(mixed.type.shape, -2), m.number("q.width")] };
  let v = mixed;
  let view: View | undefined = wholeView(mixed.type.shape);
  while (view) {
    const [user, ...more] = m.index.users(v);
    const result = user?.results[0];
    if (!user || !result || more.length > 0 || m.index.isResult(v) || !isView(user)) break;
    view = seenThrough(user, view);
    v = result;
    if (!view || !typeEquals(v.type, wanted) || !isSideBySide(view, mixed.type.shape)) continue;
    m.set("root", v);
    return true;
  }
  if (v === mixed) return `${v.name} is ${readersByOp(m, v)}, not by one transpose alone`;
  return typeEquals(v.type, wanted)
    ? `${v.name} is ${describe(m.index, v)}, not the heads side by side`
    : `${v.name} is ${printType(v.type)}, but the query rows are ${printType(wanted)}`;
}

const sameHeads = predicate("same-heads-and-length", (m) => {
  const [q = 0, k = 0, v = 0] = ["q.heads", "k.heads", "v.heads"].map((n) => m.number(n));
  if (k !== v || q % k !== 0) return `query, keys and values have ${q}, ${k} and ${v} heads`;
  const [keys, values] = [m.value("key_rows"), m.value("value_rows")];
  return (
    dimEquals(at(keys.type.shape, 0), at(values.type.shape, 0)) ||
    `keys are ${printType(keys.type)}, but values are ${printType(values.type)}`
  );
});

const causalSoftmax: Rule = {
  name: "causal-softmax",
  summary: "softmax(mask(scale · q kᵀ)) v, head by head or in groups → scaled_dot_product_attention",
  sites: (node) => (node.op === exp ? node.results : []),
  predicates: [
    has(
      "subtracts-the-row-maximum",
      "site.0",
      on(sub, "masked", onWhere(reduceMax, overLastAxis, "masked")),
      "x − max(x) over the last axis",
    ),
    predicate("divides-by-the-row-sum", dividesByRowSum),
    predicate("masks-scores", masksScores),
    predicate("mask-is-causal", maskIsCausal),
    seesAKey,
    predicate("scaled-product-of-query-and-keys", scaledProduct),
    heads("q", "query", { row: -2, column: -1 }, "1,0,2"),
    heads("k", "key_rows", { row: -1, column: -2 }, "1,2,0"),
    predicate("mixes-values", (m) => {
      const p = m.value("p");
      const user = m.index.users(p).find((u) => u.op === matmul && u.operands[0] === p);
      if (!user) return `${p.name} is not the left side of a matmul`;
      m.set("v", at(user.operands, 1));
      m.set("mixed", at(user.results, 0));
      return true;
    }),
    heads("v", "value_rows", { row: -2, column: -1 }, "1,0,2"),
    sameHeads,
    cacheOf("keys-start-at-the-first-row", "key_rows", "keys"),
    cacheOf("values-start-at-the-first-row", "value_rows", "values"),
    predicate("merges-heads", mergesHeads),
    isPrivate("root", ["query", "keys", "values"]),
  ],
  replace(m) {
    const root = m.value("root");
    const emitter = new Emitter(m.index, root);
    const [n_head, n_kv_head] = [m.number("q.heads"), m.number("k.heads")];
    const attrs = {
      n_head,
      ...(n_kv_head !== n_head && { n_kv_head }),
      length: addDims(at(m.value("key_rows").type.shape, 0), 0),
      scale: m.number("scale"),
      mask_value: m.number("mask_value"),
    };
    /** As rows, where it has its columns in several axes. */
    const rows = (name: string, width: number): Value => {
      const v = m.value(name);
      return v.type.shape.length === 2 ? v : emitter.op(reshape, [v], { shape: [at(v.type.shape, 0), width] });
    };
    const operands = [
      rows("query", m.number("q.width")),
      rows("keys", m.number("k.width")),
      rows("values", m.number("v.width")),
    ];
    return emitter.replace([m.producer(root)], emitter.op(scaledDotProductAttention, operands, attrs));
  },
};

/** Recognises attention: scores, scale, mask, softmax and the sum of values. */
export const fuseAttention: Pass = {
  name: "fuse-attention",
  summary:
    "heads, scores, causal mask, softmax and mixing → one attention over the cache, with no score matrix in memory",
  role: "fuse",
  run: (graph, report) => applyOwnRules(graph, [causalSoftmax], report),
};
