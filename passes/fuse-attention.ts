import {
  addDims,
  at,
  attrOf,
  type Dim,
  dimEquals,
  isNeverNegative,
  printDim,
  printType,
  subDims,
  typeEquals,
  type Value,
} from "../ir/index.ts";
import { reshape, scaledDotProductAttention, slice } from "../ir/ops/index.ts";
import { ofDim, plus, printForm, sameForm } from "./affine-forms.ts";
import {
  exponentials,
  maskForm,
  mixesTheValues,
  readersByOp,
  scaledProductOfQueryAndKeys,
  scorePlace,
  softmaxOfMaskedScores,
} from "./attention-softmax.ts";
import { Emitter } from "./emit.ts";
import { type RefusesNode, softmaxByPositions } from "./fuse-paged-attention.ts";
import { type HeadAxes, headsOf, isSideBySide, isView, seenThrough, type View, wholeView } from "./head-views.ts";
import type { Pass } from "./pass.ts";
import { describe, isPrivate } from "./pattern.ts";
import { applyOwnRules, type Match, predicate, type Rule } from "./rule.ts";

/** The mask at [h, i, j] must say j ≤ i + (S − T): the last query sees every key, each one before it one less. */
function maskIsCausal(m: Match): true | string {
  const [mask, scores] = [m.value("mask"), m.value("scores")];
  const [rows, columns] = [at(scores.type.shape, -2), at(scores.type.shape, -1)];
  const place = scorePlace(m.index, scores);
  const says = maskForm(m.index, mask, place);
  if (typeof says === "string") return says;
  const wanted = plus(plus(plus(at(place, -2), ofDim(columns)), ofDim(rows), -1), at(place, -1), -1);
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
  sites: exponentials,
  predicates: [
    ...softmaxOfMaskedScores,
    predicate("mask-is-causal", maskIsCausal),
    seesAKey,
    scaledProductOfQueryAndKeys,
    heads("q", "query", { row: -2, column: -1 }, "1,0,2"),
    heads("k", "key_rows", { row: -1, column: -2 }, "1,2,0"),
    mixesTheValues,
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

/** Recognises attention as `fuseAttention` does, where a kernel computes what takes its place if its positions are data. */
export const fuseAttentionFor = (refuses: RefusesNode): Pass => ({
  name: "fuse-attention",
  summary:
    "heads, scores, causal mask, softmax and mixing → one attention over the cache, with no score matrix in memory",
  role: "fuse",
  run: (graph, report) => applyOwnRules(graph, [causalSoftmax, softmaxByPositions(refuses)], report),
});

/** Recognises attention: scores, scale, mask, softmax and the sum of values. */
export const fuseAttention: Pass = fuseAttentionFor(() => undefined);
