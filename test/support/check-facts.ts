// What `explain` says, held against the graph that it says it of. Each kind of sentence is read back and checked; one of a
// kind that is not known here fails, so that a new predicate brings its check along.
import { targetByName } from "../../codegen/target.ts";
import { makeNode } from "../../ir/builder.ts";
import { onlyMoves, readsInPlace } from "../../ir/element-facts.ts";
import { at } from "../../ir/errors.ts";
import { anchorName, type Graph, type GraphIndex, indexGraph, type Node } from "../../ir/graph.ts";
import { interpret } from "../../ir/interpret.ts";
import { add, cacheUpdate, div, matmul, mul, transpose } from "../../ir/ops/index.ts";
import { literal } from "../../ir/print-literal.ts";
import type { HostTensor } from "../../ir/tensor.ts";
import { printDim, printType, type SymbolValues } from "../../ir/type.ts";
import { isLiteral, type Value } from "../../ir/value.ts";
import { updatedOperands } from "../../ir/verify.ts";
import { storageBuffers } from "../../passes/fuse-pointwise.ts";
import { jointReaders } from "../../passes/joint-epilogue.ts";
import { anchorOf, trialBody } from "../../passes/region.ts";
import type { SiteReport } from "../../passes/rule.ts";
import { inParts, withNormApart } from "../../passes/steps.ts";
import { evaluateForm, tensorsIn } from "./evaluate-form.ts";
import { assertClose, seededTensor } from "./tensors.ts";

interface Context {
  readonly rule: string;
  readonly index: GraphIndex;
  readonly site: Value;
  readonly node: Node;
}

/** A kind of sentence, and whether one of it is true; what is in its parentheses comes as strings. */
type Kind = readonly [pattern: RegExp, isTrue: (context: Context, ...parts: readonly string[]) => boolean];

/** An Error, and no assertion: a test may expect it. */
function check(holds: unknown, message: string): asserts holds {
  if (!holds) throw new Error(message);
}

/** Fails where what a rule said about a site is not so in the graph that it saw. */
export function checkFacts(report: SiteReport, graph: Graph): void {
  if (!report.refusal) return;
  const { predicate, facts } = report.refusal;
  const index = indexGraph(graph);
  const site = valueNamed(index, report.site);
  const node = site && index.producer(site);
  check(site && node, `${report.rule} reports ${report.site}, which the graph does not make`);
  const label = `${report.rule} at ${report.site}, ${predicate}: ${facts}`;
  const kinds = KINDS[predicate];
  check(kinds, `${label}: no check knows the predicate`);
  const kind = kinds.find(([pattern]) => pattern.test(facts));
  check(kind, `${label}: no check knows such a sentence`);
  const [pattern, isTrue] = kind;
  const parts =
    pattern
      .exec(facts)
      ?.slice(1)
      .map((part) => part ?? "") ?? [];
  check(isTrue({ rule: report.rule, index, site, node }, ...parts), `${label}: is not so`);
}

const names = new WeakMap<GraphIndex, ReadonlyMap<string, Value>>();

function valueNamed(index: GraphIndex, name: string): Value | undefined {
  const { graph } = index;
  const known =
    names.get(index) ??
    new Map(
      [...graph.nodes.flatMap((n) => [...n.operands, ...n.results]), ...graph.inputs.map((i) => i.value)].map((v) => [
        v.name,
        v,
      ]),
    );
  names.set(index, known);
  return known.get(name);
}
const named = (c: Context, name: string): Value => {
  const found = valueNamed(c.index, name);
  check(found, `no value is called ${name}`);
  return found;
};

const nameOf = (n: Node): string => n.results[0]?.name ?? n.op.name;
const readers = (c: Context, v: Value): string => c.index.users(v).map(nameOf).join(", ");
const readerOf = (c: Context): Node => at(c.index.users(c.site), 0);
const isType = (c: Context, name: string, type: string): boolean => printType(named(c, name).type) === type;

/** `op(a, b)`, `an input`, or `the literal 1.0`: how a value is made. */
function isMade(c: Context, name: string, how: string): boolean {
  const v = named(c, name);
  const node = c.index.producer(v);
  if (how === "an input") return !node && !isLiteral(v);
  if (how.startsWith("the literal ")) return isLiteral(v) && how === `the literal ${v.name}`;
  const [, op, operands] = /^(\w+)\((.*)\)$/.exec(how) ?? [];
  if (op === undefined) return equalsTerms(c, v, how);
  return node?.op.name === op && node.operands.map((o) => o.name).join(", ") === operands;
}

const SIZES: SymbolValues = { B: 2, T: 3, P: 2 };

/** Whether a value is what the sum of products says, in numbers. */
function equalsTerms(c: Context, v: Value, text: string): boolean {
  const { graph } = c.index;
  const nodes: Node[] = [];
  const make = (op: typeof add, ...operands: readonly Value[]): Value => {
    const node = makeNode(op, operands, {}, [`fact.${nodes.length}`]);
    nodes.push(node);
    return at(node.results, 0);
  };
  const number = (x: number): Value => literal(x, v.type.dtype);
  const terms = text.split(" + ").map((term) =>
    term.split("·").reduce<Value>((product, factor, i) => {
      if (i === 0) return number(Number(factor));
      const [name = "", power = "1"] = factor.split("^");
      const steps = Math.abs(Number(power));
      return Array.from({ length: steps }).reduce<Value>(
        (p) => make(Number(power) < 0 ? div : mul, p, named(c, name)),
        product,
      );
    }, number(1)),
  );
  const sum = terms.reduce((a, b) => make(add, a, b));
  const inputs = new Map(graph.inputs.map(({ value }, i) => [value.name, seededTensor(value.type, SIZES, i + 1)]));
  const results = interpret({ ...graph, nodes: [...graph.nodes, ...nodes], results: [v, sum] }, inputs, SIZES);
  // Six digits are printed; what is summed may be larger than the sum.
  assertClose(at(results, 1), at(results, 0), { rtol: 1e-4, atol: 1e-4 }, text);
  return true;
}

/** The two nodes that would be one region. */
function bodyOfBoth(c: Context, anyPlace = true): Graph {
  const joint = c.rule === "joint-epilogue";
  const members = [c.node, ...(joint ? jointReaders(c.index, c.node, c.site, anyPlace) : [readerOf(c)])];
  const anchor = members.map(anchorOf).findLast((a) => a !== undefined && a !== "pointwise") ?? "pointwise";
  return trialBody(c.index, anchor, members);
}
const producerIn = (body: Graph, v: Value | undefined): Node | undefined =>
  body.nodes.find((n) => v !== undefined && n.results.includes(v));
const product = (body: Graph): Node =>
  at(
    body.nodes.filter((n) => n.op === matmul),
    0,
  );
const turned = (body: Graph): boolean => {
  const b = producerIn(body, product(body).operands[1]);
  return (b?.op.name === "cast" ? producerIn(body, b.operands[0]) : b)?.op === transpose;
};
const dimOf = (body: Graph, axis: number): string => printDim(at(at(product(body).results, 0).type.shape, axis));

/** What kernels say, one after the other. */
const REASONS: readonly (readonly [RegExp, (body: Graph, ...parts: readonly string[]) => boolean])[] = [
  [/^it can't normalise a row on the way in$/, (b) => b.nodes.some((n) => n.op.traits.normalizes)],
  [/^the left operand has (.+) rows$/, (b, rows = "") => dimOf(b, -2) === rows && rows !== "1"],
  [/^the left operand has one row$/, (b) => dimOf(b, -2) === "1"],
  [/^(\S+) is software, where one load/, (_, target = "") => targetByName(target).machine.software !== undefined],
  [/^the weight lies as \[columns, inner\]$/, turned],
  [/^the weight lies as \[inner, columns\]$/, (b) => !turned(b)],
  [/^the left operand is computed on the way in/, (b) => producerIn(b, product(b).operands[0]) !== undefined],
  [/^the left operand is not normalised/, (b) => !producerIn(b, product(b).operands[0])?.op.traits.normalizes],
  [/^the right operand is not a buffer/, (b) => producerIn(b, product(b).operands[1]) !== undefined],
  [/^an operand has more than two axes$/, (b) => product(b).operands.some((v) => v.type.shape.length > 2)],
  [/^the (?:width|inner axis) (\d+) is no multiple of 4$/, (_, n) => Number(n) % 4 !== 0],
  [/^the weight's shape is symbolic$/, (b) => at(product(b).operands, 1).type.shape.some((d) => typeof d !== "number")],
  [/^it computes one result, but the region has (\d+)$/, (b, n) => b.results.length === Number(n)],
  [/^what is normalised is itself computed/, (b) => b.nodes.length > 2],
  [
    /^the normalised row is read by something else/,
    (b) => b.nodes.filter((n) => n.operands.some((v) => producerIn(b, v)?.op.traits.normalizes)).length > 1,
  ],
  [
    /^(\S+) has no ([\w-]+)$/,
    (b, target = "", feature = "") =>
      b.nodes.some((n) => n.op.name === feature) || !targetByName(target).features.includes(feature),
  ],
  [
    /^keys or values are computed/,
    (b) => {
      const node = b.nodes.find((n) => n.op.name === "scaled_dot_product_attention");
      return [1, 2].some((i) => producerIn(b, node?.operands[i]) !== undefined);
    },
  ],
];

function kernelsSay(c: Context, text: string): boolean {
  const body = bodyOfBoth(c);
  return text.split("; ").every((sentence) => {
    const reason = sentence.replace(/^\w+(?: would not take it)?: /, "");
    const [pattern, isTrue] = REASONS.find(([p]) => p.test(reason)) ?? [];
    check(pattern && isTrue, `no check knows the reason: ${reason}`);
    return isTrue(body, ...(pattern.exec(reason)?.slice(1) ?? []));
  });
}

const isReadBy = (c: Context, name: string, names: string, returned: string): boolean => {
  const v = named(c, name);
  return readers(c, v) === (names === "nothing" ? "" : names) && c.index.isResult(v) === (returned !== "");
};
const READERS: readonly Kind[] = [
  [/^(\S+) is read by (.+?)( and returned by the graph)?$/, isReadBy],
  [/^(\S+) is (returned by the graph)$/, (c, name = "", returned = "") => isReadBy(c, name, "nothing", returned)],
];
const MADE: readonly Kind[] = [[/^(\S+) is (.+?), not .+$/, (c, name = "", how = "") => isMade(c, name, how)]];
const HOW: readonly Kind[] = [[/^(\S+) is (.+)$/, (c, name = "", how = "") => isMade(c, name, how)]];
const TYPE: readonly Kind[] = [[/^(\S+) is (\w+\[.*\])$/, (c, name = "", type = "") => isType(c, name, type)]];
const ROOT: readonly Kind[] = [
  [
    /^(\S+) is not (?:multiplied into|added to 1 and multiplied by) (\S+)$/,
    (c, a = "", b = "") => {
      const [v, w] = [named(c, a), named(c, b)];
      return !c.index.users(v).some((u) => u.op === mul && u.operands.includes(w));
    },
  ],
  ...MADE,
];
const READ_ROWS: readonly Kind[] = [
  [/^(\S+) reads (\S+) at \[(.+), (.+)\], not /, (c, ...parts) => readsThere(c, ...(parts as Parts))],
  ...MADE,
];
type Parts = readonly [name: string, source: string, row: string, column: string];
const STARTS: readonly Kind[] = [
  [
    /^(\S+) starts at row (\S+), not at 0$/,
    (c, name = "", start = "") => printDim(c.index.producer(named(c, name))?.attrs["start"] as number) === start,
  ],
];

const KINDS: Readonly<Record<string, readonly Kind[]>> = {
  "operands-are-literals": [[/^(\S+) is no literal$/, (c, name = "") => !isLiteral(named(c, name))]],
  // Times are predictions for a target, which the graph does not tell; that the ways are there, it does.
  "is-faster": [
    [/^(\S+) is predicted to take (\S+) µs, near the least that it can$/, (c, name = "") => named(c, name) === c.site],
    [
      /^(\S+) is predicted to take (\S+) µs, and (\S+) µs (?:in (\d+) parts|after its norm)$/,
      (c, name = "", own, other, parts) =>
        named(c, name) === c.site &&
        Number(own) * 0.9 <= Number(other) * 1.01 &&
        (parts === undefined ? withNormApart(c.node) : inParts(c.node, Number(parts))) !== undefined,
    ],
    [
      /^(\S+) is predicted to take (\S+) µs, and no kernel that says what it does computes it otherwise$/,
      (c, name = "") => named(c, name) === c.site,
    ],
  ],
  "product-has-one-reader": READERS,
  "transpose-has-one-reader": READERS,
  "has-one-reader": READERS,
  "weight-is-a-matrix": TYPE,
  "weight-is-a-transpose": HOW,
  "reader-adds": [
    [
      /^(\S+) is read by (\w+)$/,
      (c, name = "", op) =>
        c.index
          .users(named(c, name))
          .map((u) => u.op.name)
          .join() === op,
    ],
  ],
  "bias-is-a-row": [
    [
      /^(\S+) gets (\S+) added$/,
      (c, name = "", other) =>
        named(c, name) === c.site && readerOf(c).operands.every((v) => v === c.site || v.name === other),
    ],
    [
      /^(\S+) is (\w+\[.*\]), but a bias of the product is (\w+\[.*\])$/,
      (c, name = "", own = "", row = "") =>
        isType(c, name, own) &&
        printType({ ...c.site.type, shape: c.site.type.shape.slice(-1) }) === row &&
        readerOf(c).operands.includes(named(c, name)),
    ],
  ],
  "makes-every-element": [
    [
      /^(\S+) keeps elements that its kernel does not make$/,
      (c) => {
        const { body, results } = c.node;
        const inner = body?.results[results.indexOf(c.site)];
        return producerIn(body ?? c.index.graph, inner ?? c.site)?.op === cacheUpdate;
      },
    ],
  ],
  "is-no-update": [
    [
      /^(\S+) is (\S+) updated in place, and has to be stored$/,
      (c, _, old) => updatedOperands(c.node).some((v) => v.name === old),
    ],
  ],
  "attributes-are-numbers": [
    [
      /^(\S+) depends on (\w+)$/,
      (c, name, symbol = "") => c.site.name === name && JSON.stringify(c.node.attrs).includes(`"${symbol}"`),
    ],
  ],
  "reader-works-element-by-element": [
    [
      /^(\S+) is a region already, around (\w+)$/,
      (c, name, anchor) => nameOf(readerOf(c)) === name && anchorName(readerOf(c).anchor ?? "pointwise") === anchor,
    ],
    [
      /^(\S+) is (\w+), which reads more than one element at a time$/,
      (c, name, op) => nameOf(readerOf(c)) === name && readerOf(c).op.name === op && !readerOf(c).op.traits.element,
    ],
    [
      /^(\S+) is (\w+), which does not say where each element goes$/,
      (c, name, op) => {
        const { traits } = readerOf(c).op;
        return nameOf(readerOf(c)) === name && readerOf(c).op.name === op && onlyMoves(readerOf(c)) && !traits.writes;
      },
    ],
    [
      /^(\S+) is (\w+), which reads elements of other places than its own$/,
      (c, name, op) => nameOf(readerOf(c)) === name && readerOf(c).op.name === op && !readsInPlace(readerOf(c), c.site),
    ],
    [
      /^(\S+) is (\w+), which moves the elements of another operand$/,
      (c, name, op) => {
        const reader = readerOf(c);
        const { operand } = reader.op.traits.writes ?? {};
        const moved = typeof operand === "number" ? reader.operands[operand] : undefined;
        return nameOf(reader) === name && reader.op.name === op && moved !== c.site;
      },
    ],
  ],
  "reader-keeps-the-shape": [
    [
      /^(\S+) is (\w+\[.*\]), but (\S+) is (\w+\[.*\])$/,
      (c, a = "", s = "", b = "", t = "") =>
        isType(c, a, s) && isType(c, b, t) && nameOf(readerOf(c)) === a && c.site.name === b,
    ],
  ],
  "other-operands-come-from-outside": [
    [
      /^(\S+) is itself computed from (\S+)'s region$/,
      (c, name = "", site) => {
        const from = new Set<Value>(c.node.results);
        for (const n of c.index.graph.nodes)
          if (n.operands.some((v) => from.has(v))) for (const r of n.results) from.add(r);
        return from.has(named(c, name)) && c.site.name === site && readerOf(c).operands.includes(named(c, name));
      },
    ],
  ],
  "overwrites-nothing-it-reads": [
    [
      /^(\S+) reads (\S+), which the same kernel would overwrite$/,
      (c, reader, old) => {
        const body = bodyOfBoth(c);
        const node = body.nodes.find((n) => nameOf(n) === reader);
        const overwritten = body.nodes.filter((n) => n !== node).flatMap(updatedOperands);
        return node?.operands.some((v) => v.name === old && overwritten.includes(v)) === true;
      },
    ],
  ],
  "kernel-takes-it": [
    [
      /^the region needs (\d+) storage buffers, but (\S+|a stage) (?:binds|has) (\d+)$/,
      (c, needs, target = "", limit) => {
        const most = target === "a stage" ? 8 : targetByName(target).limits.maxStorageBuffersPerShaderStage;
        return storageBuffers(bodyOfBoth(c, target !== "a stage")) === Number(needs) && most === Number(limit);
      },
    ],
    [/^(.+)$/, kernelsSay],
  ],
  "reader-takes-prologues": [
    [/^(\S+) has no anchor that could take in whole rows$/, (c, name) => nameOf(readerOf(c)) === name],
    [/^(\S+) is (\w+)$/, (c, name, op) => nameOf(readerOf(c)) === name && readerOf(c).op.name === op],
  ],
  "makes-one-value": [
    [/^(\w+) makes (\d+) values$/, (c, op, n) => c.node.op.name === op && c.node.results.length === Number(n)],
  ],
  "elements-are-computed-one-by-one": [
    [/^(\S+) is an input$/, (c, name = "") => !c.index.producer(named(c, name))],
    [
      /^(\S+) is made by (\w+), which is not computed element by element$/,
      (c, name = "", op) => {
        const maker = c.index.producer(named(c, name));
        const kind = maker && anchorOf(maker);
        return maker !== undefined && (kind ? anchorName(kind) : maker.op.name) === op && kind !== "pointwise";
      },
    ],
    [
      /^(\w+) makes (\d+) values$/,
      (c, op, n) =>
        c.node.operands.some((v) => {
          const maker = c.index.producer(v);
          return maker?.op.name === op && maker?.results.length === Number(n);
        }),
    ],
  ],
  "elements-have-one-reader": READERS,
  "reads-nothing-that-it-overwrites": [
    [
      /^(\S+) reads (\S+), which the same kernel would overwrite$/,
      (c, _, old) => updatedOperands(c.node).some((v) => v.name === old),
    ],
  ],
  "kernel-takes-them": [
    [
      /^the region needs (\d+) storage buffers, but (\S+|a stage) (?:binds|has) (\d+)$/,
      (_c, needs, _target, limit) => Number(needs) > Number(limit),
    ],
    [/^(.+)$/, () => true],
  ],
  "leaves-a-valid-graph": [
    [
      /^(\S+) would have to be computed before itself$/,
      (c, name) => c.index.graph.nodes.some((n) => n.results.some((r) => r.name === name)),
    ],
    [
      /^(\S+) would overwrite (\S+), which the graph would return$/,
      (c, name, old = "") =>
        c.index.users(named(c, old)).some((u) => nameOf(u) === name && updatedOperands(u).includes(named(c, old))) &&
        (c.index.isResult(named(c, old)) || c.index.isResult(c.site)),
    ],
    [/^the graph would return the literal (\S+)$/, (c) => c.index.isResult(c.site)],
  ],
  "works-in-f32": TYPE,
  "argument-is-gelu's": MADE,
  "half-x-times-one-plus": ROOT,
  "root-of-variance-plus-epsilon": MADE,
  "variance-is-a-mean-over-the-last-axis": MADE,
  "mean-of-squares": MADE,
  deviation: MADE,
  "deviation-from-the-mean-over-the-last-axis": MADE,
  "scaled-and-shifted": ROOT,
  "root-of-mean-square-plus-epsilon": MADE,
  "mean-over-the-last-axis": MADE,
  scaled: ROOT,
  "intermediates-are-private": [
    [
      /^(\S+) is also read by (\S+)$/,
      (c, name = "", reader) => c.index.users(named(c, name)).some((u) => nameOf(u) === reader),
    ],
    [/^(\S+) is also returned by the graph$/, (c, name = "") => c.index.isResult(named(c, name))],
  ],
  "subtracts-the-row-maximum": MADE,
  "divides-by-the-row-sum": [
    [
      /^(\S+) is not summed over the last axis$/,
      (c, name = "") =>
        !c.index
          .users(named(c, name))
          .some((u) => u.op.name === "reduce_sum" && [-1, 2].includes(Number(u.attrs["axis"]))),
    ],
    [
      /^(\S+) is not divided by (\S+)$/,
      (c, name = "", sum) => !c.index.users(named(c, name)).some((u) => u.op === div && u.operands[1]?.name === sum),
    ],
    ...MADE,
  ],
  "masks-scores": [
    [
      /^a masked score becomes (\S+), /,
      (c, name = "") => c.index.users(named(c, name)).some((u) => u.op.name === "select"),
    ],
    ...MADE,
  ],
  "mask-is-causal": [
    [/^(\S+) is (\w+\[.*\]), which widens the scores$/, (c, name = "", type = "") => isType(c, name, type)],
    [
      /^(\S+) lets a key through where (.+) ≥ 0; causal is (.+) ≥ 0$/,
      (c, name = "", says = "", causal = "") => maskSays(c, named(c, name), says) && says !== causal,
    ],
    ...MADE,
  ],
  "every-query-sees-a-key": [
    [
      /^there are (\S+) queries for (\S+) keys, so that the first may see none$/,
      (c, rows, keys) => {
        const { shape } = c.site.type;
        return printDim(at(shape, -2)) === rows && printDim(at(shape, -1)) === keys;
      },
    ],
  ],
  "scaled-product-of-query-and-keys": MADE,
  "masks-by-minus-infinity": [[/^a masked score becomes (\S+), and /, (_, value) => Number(value) !== -Infinity]],
  "query-rows": [
    ...READ_ROWS,
    [
      /^(\S+) is (\w+\[.*\]), but (\S+) is (\w+\[.*\])$/,
      (c, a = "", s = "", b = "", t = "") => isType(c, a, s) && isType(c, b, t),
    ],
    [/^(\S+) is (\w+\[.*\]), whose keys are no number$/, (c, name = "", type = "") => isType(c, name, type)],
  ],
  "mask-reads-positions": [
    [/^(\S+) is (\w+\[.*\]), which widens the scores$/, (c, name = "", type = "") => isType(c, name, type)],
    [
      /^(\S+) lets a key through where (.+) ≥ 0; up to a row's position is (.+) ≥ 0$/,
      (c, name = "", says = "", wanted = "") => maskSays(c, named(c, name), says) && says !== wanted,
    ],
    [
      /^(\S+) lets a key through where (.+) ≥ 0, and no i32 has a number for each of (\S+)'s rows$/,
      (c, name = "", says = "") => maskSays(c, named(c, name), says),
    ],
    ...MADE,
  ],
  "kernel-computes-it": [[/the head size (\d+) is no multiple of 4/, (_, size) => Number(size) % 4 !== 0]],
  "key-rows": READ_ROWS,
  "value-rows": READ_ROWS,
  "keys-and-values-lie-alike": [
    [/^key (\S+) is row (.+), but its value is row (.+)$/, (_, key, a, b) => key !== undefined && a !== b],
    [/^keys are (\w+\[.*\]), but values are (\w+\[.*\])$/, (_, k, v) => k !== v],
  ],
  "query-heads": MADE,
  "key-heads": MADE,
  "value-heads": MADE,
  "mixes-values": [
    [
      /^(\S+) is not the left side of a matmul$/,
      (c, name = "") => {
        const v = named(c, name);
        return !c.index.users(v).some((u) => u.op === matmul && u.operands[0] === v);
      },
    ],
  ],
  "same-heads-and-length": [
    [
      /^query, keys and values have (\d+), (\d+) and (\d+) heads$/,
      (_, q, k, v) => k !== v || Number(q) % Number(k) !== 0,
    ],
    [/^keys are (\w+\[.*\]), but values are (\w+\[.*\])$/, (_, k, v) => k !== v],
  ],
  "keys-start-at-the-first-row": STARTS,
  "values-start-at-the-first-row": STARTS,
  "merges-heads": [
    [
      /^(\S+) is (returned by the graph and )?read by (.+), not by one .+ alone$/,
      (c, name = "", returned, ops = "") => {
        const v = named(c, name);
        const made =
          c.index
            .users(v)
            .map((u) => u.op.name)
            .join(", ") || "nothing";
        return made === ops && c.index.isResult(v) === (returned !== "");
      },
    ],
    [
      /^(\S+) is (\w+\[.*\]), but the scores make it (\w+\[.*\])$/,
      (c, name = "", type = "", made = "") => isType(c, name, type) && type !== made,
    ],
    [
      /^(\S+) is (\w+\[.*\]) and (returned by the graph and )?read by (.+), but the query rows are (\w+\[.*\])$/,
      (c, name = "", type = "", returned, ops) => {
        const v = named(c, name);
        const readers = c.index.users(v).map((u) => u.op.name);
        return (
          isType(c, name, type) &&
          c.index.isResult(v) === (returned !== "") &&
          (readers.join(", ") || "nothing") === ops
        );
      },
    ],
    [/^(\S+) is (\w+\[.*\]), but the query rows are (\w+\[.*\])$/, (c, name = "", type = "") => isType(c, name, type)],
    ...MADE,
  ],
};

/** What the axes of scores are called. */
const axisNames = (rank: number): readonly string[] =>
  Array.from({ length: rank }, (_, axis) => ["j", "i", "h"][rank - 1 - axis] ?? `h${axis}`);

/** Calls `hear` with each element of `v` and what the forms are there, over the places of the site's axes that `v` has. */
function everywhere(
  { index: { graph } }: Context,
  v: Value,
  forms: readonly string[],
  names: readonly string[],
  hear: (element: number, values: readonly number[], tensors: ReadonlyMap<string, HostTensor>) => boolean,
  more: readonly string[] = [],
): boolean {
  const read = [...new Set([...forms.flatMap(tensorsIn), ...more])];
  const inputs = new Map(graph.inputs.map(({ value }, i) => [value.name, seededTensor(value.type, SIZES, i + 1)]));
  const known = read.map((name) => {
    const found = valueNamed(indexGraph(graph), name);
    check(found, `no value is called ${name}`);
    return found;
  });
  const [own, ...others] = interpret({ ...graph, results: [v, ...known] }, inputs, SIZES);
  const tensors = new Map(others.map((t, i) => [at(read, i), t]));
  const elementOf = ({ data, shape }: HostTensor, place: readonly number[]): number =>
    at(
      data,
      place.reduce((flat, n, axis) => flat * at(shape, axis) + n, 0),
    );
  const { data, shape } = own ?? at(others, 0);
  return data.every((element, flat) => {
    let rest = flat;
    const place = new Map<string, number>();
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      place.set(at(names, axis - shape.length), rest % at(shape, axis));
      rest = Math.floor(rest / at(shape, axis));
    }
    const values = {
      name: (name: string) => place.get(name) ?? SIZES[name] ?? 0,
      element: (tensor: string, where: readonly number[]) => elementOf(tensors.get(tensor) ?? at(others, 0), where),
    };
    const numbers = forms.map((form) => evaluateForm(form, values));
    return hear(element, numbers, tensors);
  });
}

/** Whether a mask is true just where the form over the scores' axes and the symbols is 0 or more. */
const maskSays = (c: Context, mask: Value, form: string): boolean =>
  form === "not affine" ||
  everywhere(c, mask, [form], axisNames(c.site.type.shape.length), (holds, [n = 0]) => (holds !== 0) === n >= 0);

/** Whether an operand of a product of heads has the elements of rows that the forms name. */
function readsThere(c: Context, name: string, source: string, row: string, column: string): boolean {
  const v = named(c, name);
  const scores = axisNames(c.site.type.shape.length);
  // The query's columns are its last axis, the values' too; the keys' are the one before.
  const last = QUERY_AXES.find((axes) =>
    everywhere(
      c,
      v,
      [row, column],
      [...scores.slice(0, -2), ...axes],
      (element, [i = 0, k = 0], tensors) => {
        const rows = tensors.get(source);
        const width = rows ? rows.data.length / at(rows.shape, 0) : 0;
        return rows?.data[i * width + k] === element;
      },
      [source],
    ),
  );
  return last !== undefined;
}

const QUERY_AXES = [
  ["i", "d"],
  ["d", "j"],
  ["j", "d"],
] as const;
