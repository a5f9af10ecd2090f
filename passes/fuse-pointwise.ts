// The general fusion: regions grow around anchors, and around nothing where pointwise ops meet. It knows no op by name;
// ops answer by their traits, kernels by the policy.
import {
  type Anchor,
  anchorName,
  at,
  type Graph,
  type GraphIndex,
  isLiteral,
  type Node,
  type Op,
  onlyMoves,
  POINTWISE_ANCHOR,
  printType,
  readsInPlace,
  shapeEquals,
  updatedOperands,
  type Value,
} from "../ir/index.ts";
import { jointReaders } from "./joint-epilogue.ts";
import type { Pass } from "./pass.ts";
import { describeReaders } from "./pattern.ts";
import type { Replacement } from "./rebuild.ts";
import { anchorOf, dependsOn, mergeRegion, movedOperands, trialBody } from "./region.ts";
import { applyOwnRules, type Match, type Predicate, predicate, type Rule } from "./rule.ts";

/** How long ways to compute the same are predicted to take. */
export interface Comparison {
  /** The way to take; none where the node as it stands is as good. */
  readonly chosen?: number;
  /** Of the node, and of each way that was looked at; of the node alone where no way can be faster. */
  readonly seconds: readonly number[];
}

/** What kernels can take into a region. */
export interface RegionPolicy {
  /** Why no kernel computes this body, or nothing. */
  refuses(anchor: Anchor, body: Graph): string | undefined;
  /** Why no kernel computes the node as it stands, or nothing. Absent where nothing is known of kernels. */
  refusesNode?(node: Node): string | undefined;
  /**
   * Whether the node is clearly faster computed in another of several ways, each as the nodes that it takes, and how long they take in
   * seconds, that of the node itself first. The ways follow from the node and the question's name, each cut finer than the one before it:
   * where one is slower than that, those behind it need not be looked at. Absent where nothing is known of a machine.
   */
  compare?(question: string, node: Node, ways: () => Iterable<readonly Node[]>): Comparison;
  /** Whether `refuses` knows of bodies that combine elements of several places; none such is asked about where it is absent. */
  readonly combinesPlaces?: boolean;
}

/** Accepts what fits the bindings that every WebGPU device has. */
export const defaultPolicy: RegionPolicy = {
  refuses: (_, body) =>
    storageBuffers(body) > 8
      ? `the region needs ${storageBuffers(body)} storage buffers, but a stage has 8`
      : undefined,
};

/** One for each operand and result; a value that is updated in place shares its operand's. */
export function storageBuffers(body: Graph): number {
  const updated = new Set(body.nodes.flatMap(updatedOperands));
  return body.inputs.length + body.results.length - body.inputs.filter(({ value }) => updated.has(value)).length;
}

const isElementwise = (node: Node): boolean => node.op.traits.element !== undefined;

/** Whether the node works on each element of `v`, or moves each: what an epilogue can do with a stream. */
const streams = (node: Node, v: Value): boolean => moves(node, v) || readsInPlace(node, v);
const moves = (node: Node, v: Value): boolean => {
  const moved = movedOperands(node);
  return moved.length > 0 && moved.every((o) => o === v);
};

/** What keeps the node from being computed element by element as its operand is made. */
function whyNoStream(node: Node): string {
  const { writes, element } = node.op.traits;
  if (writes) return "moves the elements of another operand";
  if (!element) return "reads more than one element at a time";
  return onlyMoves(node) ? "does not say where each element goes" : "reads elements of other places than its own";
}

/** Whether the reader is built around an anchor that reads `v` itself, and normalises no rows so far. */
function takesRows(reader: Node, v: Value): boolean {
  const nodes = reader.body?.nodes ?? [reader];
  const inner = reader.body?.inputs[reader.operands.indexOf(v)]?.value ?? v;
  return (
    nodes.some((n) => n.op === anchorOf(reader) && n.operands.includes(inner)) &&
    !nodes.some((n) => n.op.traits.normalizes)
  );
}

const oneReader: Predicate = predicate(
  "has-one-reader",
  (m) => m.index.isPrivate(m.site) || describeReaders(m.index, m.site),
);

const readerOf = (m: Match): Node => at(m.index.users(m.site), 0);

/** What is updated in place holds elements that its kernel never touches; nothing can be computed from them on the way. */
const makesEveryElement: Predicate = predicate("makes-every-element", (m) => {
  const result = m.node.body?.results[m.node.results.indexOf(m.site)];
  const maker = m.node.body?.nodes.find((n) => result !== undefined && n.results.includes(result));
  return maker?.op.traits.updatesFirstOperand !== true || `${m.site.name} keeps elements that its kernel does not make`;
});

/** What is updated in place has to be stored where the old value lies, and a region stores nothing but what it returns. */
const isNoUpdate: Predicate = predicate("is-no-update", (m) => {
  const old = updatedOperands(m.node)[0];
  return !old || `${m.site.name} is ${old.name} updated in place, and has to be stored`;
});

/** A kernel's invocations run side by side: what one of them overwrites, another can't read, unless it has read it by then. */
function readsWhatItOverwrites(body: Graph): string | undefined {
  for (const node of body.nodes)
    for (const old of updatedOperands(node)) {
      const reader = body.nodes.find((n) => n !== node && n.operands.includes(old) && !hasReadIt(n, old));
      if (reader) return `${reader.results[0]?.name} reads ${old.name}, which the same kernel would overwrite`;
    }
  return undefined;
}

/** Whether the op's kernels have read all of the operand before they store anything. */
const hasReadIt = ({ op, operands }: Node, old: Value): boolean =>
  operands.every((v, i) => v !== old || op.traits.readsBeforeResults?.includes(roleOf(op, i)) === true);

/** What an op calls its operand; a variadic one has one name for all. */
const roleOf = ({ operands, variadic }: Op, i: number): string => operands[variadic ? 0 : i] ?? "";

/** Site and reader as one region. The reader decides what it is built around, where it has an anchor: a norm joins a matmul. */
const anchorOfBoth = (m: Match): Anchor =>
  [m.node, readerOf(m)].map(anchorOf).findLast((a) => a !== undefined && a !== POINTWISE_ANCHOR) ?? POINTWISE_ANCHOR;
const bodyOfBoth = (m: Match): Graph => trialBody(m.index, anchorOfBoth(m), [m.node, readerOf(m)]);
const fuseBoth = (m: Match): Replacement => mergeRegion(m.index, anchorOfBoth(m), [m.node, readerOf(m)]);

const overwritesNothingItReads: Predicate = predicate(
  "overwrites-nothing-it-reads",
  (m) => readsWhatItOverwrites(bodyOfBoth(m)) ?? true,
);
const kernelTakesIt = (policy: RegionPolicy): Predicate =>
  predicate("kernel-takes-it", (m) => policy.refuses(anchorOfBoth(m), bodyOfBoth(m)) ?? true);

/** The reader joins the region that makes the site. */
const epilogue = (policy: RegionPolicy): Rule => ({
  name: "epilogue",
  summary: "what reads a region's result element by element is computed where the result is made",
  sites: (node) => (anchorOf(node) === undefined || anchorOf(node) === POINTWISE_ANCHOR ? [] : node.results),
  predicates: [
    oneReader,
    makesEveryElement,
    predicate("reader-works-element-by-element", (m) => {
      const reader = readerOf(m);
      const [result] = reader.results;
      if (reader.body)
        return `${result?.name} is a region already, around ${anchorName(anchorOf(reader) ?? POINTWISE_ANCHOR)}`;
      return streams(reader, m.site) || `${result?.name} is ${reader.op.name}, which ${whyNoStream(reader)}`;
    }),
    predicate("reader-keeps-the-shape", (m) => {
      const [result] = readerOf(m).results;
      const same = moves(readerOf(m), m.site) || !result || shapeEquals(result.type.shape, m.site.type.shape);
      return same || `${result.name} is ${printType(result.type)}, but ${m.site.name} is ${printType(m.site.type)}`;
    }),
    predicate("other-operands-come-from-outside", (m) => {
      const late = readerOf(m).operands.find((v) => v !== m.site && !isLiteral(v) && dependsOn(m.index, v, m.node));
      return !late || `${late.name} is itself computed from ${m.site.name}'s region`;
    }),
    overwritesNothingItReads,
    kernelTakesIt(policy),
  ],
  replace: fuseBoth,
});

/** What reads several of a region's values together joins it at once. */
const jointEpilogue = (policy: RegionPolicy): Rule => {
  const readersOf = (index: GraphIndex, region: Node, site: Value): readonly Node[] =>
    jointReaders(index, region, site, policy.combinesPlaces === true);
  const readers = (m: Match): readonly Node[] => readersOf(m.index, m.node, m.site);
  const anchor = (m: Match): Anchor => anchorOf(m.node) ?? POINTWISE_ANCHOR;
  const body = (m: Match): Graph => trialBody(m.index, anchor(m), [m.node, ...readers(m)]);
  return {
    name: "joint-epilogue",
    summary: "what combines several values that a region makes is computed where they are made",
    sites: (node, index) =>
      anchorOf(node) === undefined || anchorOf(node) === POINTWISE_ANCHOR
        ? []
        : node.results.filter((r) => readersOf(index, node, r).length > 0),
    predicates: [
      makesEveryElement,
      predicate("overwrites-nothing-it-reads", (m) => readsWhatItOverwrites(body(m)) ?? true),
      predicate("kernel-takes-it", (m) => policy.refuses(anchor(m), body(m)) ?? true),
    ],
    replace: (m) => mergeRegion(m.index, anchor(m), [m.node, ...readers(m)]),
  };
};

/** The site's producer joins the node that reads it: computed on the way in. */
const prologue = (policy: RegionPolicy): Rule => ({
  name: "prologue",
  summary: "what only one kernel reads is computed as that kernel reads it",
  sites: (node) =>
    isElementwise(node) || node.op.traits.normalizes || (node.body !== undefined && anchorOf(node) === POINTWISE_ANCHOR)
      ? node.results.slice(0, 1)
      : [],
  predicates: [
    oneReader,
    predicate("reader-takes-prologues", (m) => {
      const reader = readerOf(m);
      if (m.node.op.traits.normalizes)
        return takesRows(reader, m.site) || `${reader.results[0]?.name} has no anchor that could take in whole rows`;
      const takes = isElementwise(reader) || anchorOf(reader) !== undefined;
      return takes || `${reader.results[0]?.name} is ${reader.op.name}`;
    }),
    predicate(
      "makes-one-value",
      (m) => m.node.results.length === 1 || `${m.node.op.name} makes ${m.node.results.length} values`,
    ),
    isNoUpdate,
    overwritesNothingItReads,
    kernelTakesIt(policy),
  ],
  replace: fuseBoth,
});

/** Epilogues first: an op between two anchors is cheaper where its operand is made than where it is read many times. */
export function fusePointwise(policy: RegionPolicy = defaultPolicy): Pass {
  return {
    name: "fuse-pointwise",
    summary: "grow regions: pointwise epilogues and prologues join their anchor's kernel",
    role: "fuse",
    run(graph, report) {
      const grown = applyOwnRules(graph, [epilogue(policy), jointEpilogue(policy)], report);
      return applyOwnRules(grown, [prologue(policy)], report);
    },
  };
}
