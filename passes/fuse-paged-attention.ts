// Attention whose mask reads each query's position out of a tensor: over the whole of one cache, or over rows that a page table leads
// to. The proof is about elements: which one of the rows each score's query and key are, and what the mask says of the two.
import { at, castNumber, type Dim, type Node, onlyMoves, printType, typeEquals, type Value } from "../ir/index.ts";
import { expand, iota, pagedAttention, reshape, select } from "../ir/ops/index.ts";
import { type ElementRead, movedFrom } from "./affine-elements.ts";
import { asName, type Form, hasData, plus, printForm, sameForm } from "./affine-forms.ts";
import {
  exponentials,
  maskForm,
  mixesTheValues,
  readersByOp,
  scaledProductOfQueryAndKeys,
  softmaxOfMaskedScores,
} from "./attention-softmax.ts";
import { Emitter } from "./emit.ts";
import { describe, isConstant, isPrivate } from "./pattern.ts";
import { type RowRead, rowNumbers, rowReads, wholeNumbers } from "./row-reads.ts";
import { type Match, predicate, type Rule } from "./rule.ts";
import { type Frame, frameOf, keysOf, operandAt, queriesOf, valuesOf } from "./score-rows.ts";

/** Says which element is read, of the nearest rows. */
function describeRead(m: Match, v: Value, reads: Iterable<RowRead>): string {
  for (const { source, row, column } of reads)
    if (row && column && source !== v)
      return `${v.name} reads ${source.name} at [${printForm(row)}, ${printForm(column)}]`;
  return `${v.name} is ${describe(m.index, v)}`;
}

function readsRowsOfQueries(m: Match): true | string {
  const [q, scores] = [m.value("q"), m.value("scores")];
  if (!typeEquals(m.value("masked").type, scores.type))
    return `${m.value("masked").name} is ${printType(m.value("masked").type)}, but ${scores.name} is ${printType(scores.type)}`;
  if (typeof at(scores.type.shape, -1) !== "number")
    return `${scores.name} is ${printType(scores.type)}, whose keys are no number`;
  const frame = frameOf(m);
  const found = queriesOf(m);
  if (found) {
    m.set("query", found.source);
    m.set("heads", found.heads);
    return true;
  }
  const from = operandAt(frame, q, [at(frame.place, -2), frame.column]);
  return `${describeRead(m, q, rowReads(m.index, from, frame.names))}, not rows with their heads side by side`;
}

/** The mask must let key j through where j ≤ the number of its query's row, which is data. */
function readsPositions(m: Match): true | string {
  const frame = frameOf(m);
  const queries = queriesOf(m);
  const mask = m.value("mask");
  const says = maskForm(m.index, mask, frame.place, frame.names);
  if (typeof says === "string") return says;
  const key = at(frame.place, -1);
  const position = plus(says, key);
  const tensors = wholeNumbers(m.index, mask, []);
  const numbers = rowNumbers(m.index, tensors, queries?.count ?? 0, queries?.row ?? null, frame.names).filter(
    ({ form }) => hasData(form) && asName(form) !== undefined,
  );
  const found = numbers.find(({ form }) => sameForm(form, position));
  if (found) m.set("positions", found.value);
  if (found) return true;
  const lets = `${mask.name} lets a key through where ${printForm(says)} ≥ 0`;
  const [other] = numbers;
  return other
    ? `${lets}; up to a row's position is ${printForm(plus(other.form, key, -1))} ≥ 0`
    : `${lets}, and no i32 has a number for each of ${queries?.source.name}'s rows`;
}

const readsRows = (name: "k" | "v", predicateName: string, what: string) =>
  predicate(predicateName, (m) => {
    const frame = frameOf(m);
    const found = (name === "k" ? keysOf : valuesOf)(m);
    if (found) {
      m.set(what, found.source);
      m.set(`${what}.heads`, found.width / frame.size);
      return true;
    }
    const [key, column] = [at(frame.place, -1), frame.column];
    const v = m.value(name);
    const from = operandAt(frame, v, name === "k" ? [column, key] : [key, column]);
    const said = describeRead(m, v, rowReads(m.index, from, frame.names));
    return `${said}, not at ${printForm(key)} or where a page has it, a head's columns on end`;
  });

/** Keys and values have the same heads, in the same rows. */
const sameRows = predicate("keys-and-values-lie-alike", (m) => {
  const frame = frameOf(m);
  const [k, v] = [keysOf(m), valuesOf(m)];
  if (!k || !v) return "keys or values have no rows";
  if (k.width !== v.width) return `keys are ${printType(k.source.type)}, but values are ${printType(v.source.type)}`;
  return (
    sameForm(k.row, v.row) ||
    `key ${printForm(at(frame.place, -1))} is row ${printForm(k.row)}, but its value is row ${printForm(v.row)}`
  );
});

/** The rows of all heads side by side, in the order that the queries have them. */
function mergesHeads(m: Match): true | string {
  const frame = frameOf(m);
  const queries = queriesOf(m);
  const mixed = m.value("mixed");
  const own = [...frame.place.slice(0, -1), frame.column];
  const wanted = queries && { ...mixed.type, shape: [queries.count, queries.width] };
  const made = { ...mixed.type, shape: [...m.value("scores").type.shape.slice(0, -1), frame.size] };
  if (!wanted || !typeEquals(mixed.type, made))
    return `${mixed.name} is ${printType(mixed.type)}, but the scores make it ${printType(made)}`;
  let v = mixed;
  for (;;) {
    if (typeEquals(v.type, wanted) && isMixed(m, v, [queries.row, queries.column], own, frame)) break;
    const [user, ...more] = m.index.users(v);
    const result = user?.results[0];
    const goesOn = result && user.results.length === 1 && more.length === 0 && !m.index.isResult(v);
    if (!goesOn || !onlyMoves(user))
      return v === mixed || !typeEquals(v.type, wanted)
        ? `${v.name} is ${printType(v.type)} and ${readersByOp(m, v)}, but the query rows are ${printType(wanted)}`
        : `${v.name} is ${describe(m.index, v)}, not the heads side by side`;
    v = result;
  }
  m.set("root", v);
  return true;
}

/** Whether the element of `v` at `place` is that of p · v at `own`. */
function isMixed(m: Match, v: Value, place: readonly Form[], own: readonly Form[], { names }: Frame): boolean {
  const mixed = m.value("mixed");
  let read: ElementRead | undefined = { value: v, place };
  while (read && read.value !== mixed) read = movedFrom(m.index, read, names);
  return read?.place.every((form, axis) => sameForm(form, at(own, axis))) === true;
}

/** paged_attention of what was found, and what it is given where the graph has no tensor of it. */
function attentionOf(m: Match, emitter: Emitter): Value {
  const frame = frameOf(m);
  const [queries, keys] = [queriesOf(m), keysOf(m)];
  if (!queries || !keys) return m.value("root");
  const [n_head, n_kv_head] = [m.number("heads"), m.number("keys.heads")];
  const as = (v: Value, ...shape: readonly Dim[]): Value =>
    typeEquals(v.type, { ...v.type, shape }) ? v : emitter.op(reshape, [v], { shape });
  const rows = (v: Value, heads: number): Value => as(v, at(v.type.shape, 0), heads * frame.size);
  const count = (length: Dim): Value => emitter.op(iota, [], { length });
  let zero: Value | undefined;
  const zeros = (...shape: readonly Dim[]): Value => {
    zero ??= count(1);
    return shape.length === 1 && shape[0] === 1 ? zero : emitter.op(expand, [zero], { shape });
  };
  const { pages, sequence, pageSize } = keys;
  const table = pages
    ? as(pages, ...(pages.type.shape.length === 1 ? [1, at(pages.type.shape, 0)] : pages.type.shape))
    : zeros(1, 1);
  const own =
    sequence === "first"
      ? zeros(queries.count)
      : sequence === "own"
        ? count(queries.count)
        : as(sequence, queries.count);
  const operands = [
    rows(m.value("query"), n_head),
    rows(m.value("keys"), n_kv_head),
    rows(m.value("values"), n_kv_head),
    as(m.value("positions"), queries.count),
    own,
    table,
  ];
  const attrs = { n_head, ...(n_kv_head !== n_head && { n_kv_head }), page_size: pageSize, scale: m.number("scale") };
  return emitter.op(pagedAttention, operands, attrs);
}

/** A softmax whose mask depends on an input; the others have no positions to read. */
const masksByData: Rule["sites"] = (node, index) => {
  const [shifted] = exponentials(node, index).length > 0 ? node.operands : [];
  const masked = shifted && index.producer(shifted)?.operands[0];
  const chosen = masked && index.producer(masked);
  const mask = chosen?.op === select ? chosen.operands[0] : undefined;
  return mask && !isConstant(index, mask) ? node.results : [];
};

/** Why no kernel computes the node, or nothing. */
export type RefusesNode = (node: Node) => string | undefined;

/** Attention of queries whose positions are data. */
export const softmaxByPositions = (refuses: RefusesNode): Rule => ({
  name: "softmax-by-positions",
  summary: "softmax(mask by positions(scale · q kᵀ)) v, over a cache or over pages → paged_attention",
  sites: masksByData,
  predicates: [
    ...softmaxOfMaskedScores,
    predicate("works-in-f32", (m) => {
      const { name, type } = m.value("scores");
      return type.dtype === "f32" || `${name} is ${printType(type)}`;
    }),
    predicate("masks-by-minus-infinity", (m) => {
      const value = castNumber(m.number("mask_value"), "f32");
      return (
        value === Number.NEGATIVE_INFINITY ||
        `a masked score becomes ${value}, and a row counts its masked keys where none that it sees has a higher score`
      );
    }),
    scaledProductOfQueryAndKeys,
    mixesTheValues,
    predicate("query-rows", readsRowsOfQueries),
    predicate("mask-reads-positions", readsPositions),
    readsRows("k", "key-rows", "keys"),
    readsRows("v", "value-rows", "values"),
    sameRows,
    predicate("merges-heads", mergesHeads),
    isPrivate("root", ["query", "keys", "values"]),
    predicate("kernel-computes-it", (m) => {
      const emitter = new Emitter(m.index, m.value("root"));
      const node = emitter.replace([], attentionOf(m, emitter)).insert.at(-1);
      return (node && refuses(node)) ?? true;
    }),
  ],
  replace(m) {
    const root = m.value("root");
    const emitter = new Emitter(m.index, root);
    return emitter.replace([m.producer(root)], attentionOf(m, emitter));
  },
});
