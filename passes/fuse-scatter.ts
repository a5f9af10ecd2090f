import { anchorName, at, type Graph, type Node, POINTWISE_ANCHOR, updatedOperands, type Value } from "../ir/index.ts";
import { defaultPolicy, type RegionPolicy } from "./fuse-pointwise.ts";
import type { Pass } from "./pass.ts";
import { describeReaders } from "./pattern.ts";
import { anchorOf, mergeRegion, trialBody } from "./region.ts";
import { applyOwnRules, type Match, predicate, type Rule } from "./rule.ts";

/** What a node puts in other places, where it does nothing else. */
function movedBy({ op: { traits }, operands, body }: Node): Value | undefined {
  const { operand } = traits.writes ?? {};
  return body || traits.element || typeof operand !== "number" ? undefined : operands[operand];
}

const makerOf = (m: Match): Node => m.producer(m.value("moved"));
const bodyOfBoth = (m: Match): Graph => trialBody(m.index, m.node.op, [makerOf(m), m.node]);

/** What would be read after it is overwritten. */
function readsTheOld(m: Match): true | string {
  const old = updatedOperands(m.node);
  const reader = bodyOfBoth(m).nodes.find((n) => n.op !== m.node.op && n.operands.some((v) => old.includes(v)));
  return !reader || `${at(reader.results, 0).name} reads ${old[0]?.name}, which the same kernel would overwrite`;
}

const movedRows = (policy: RegionPolicy): Rule => ({
  name: "moved-elements",
  summary: "what a scatter alone reads is computed as it is moved",
  sites: (node) => (movedBy(node) ? node.results.slice(0, 1) : []),
  predicates: [
    predicate("elements-are-computed-one-by-one", (m) => {
      const moved = movedBy(m.node) ?? m.site;
      m.set("moved", moved);
      const maker = m.index.producer(moved);
      if (!maker) return `${moved.name} is an input`;
      const kind = anchorOf(maker);
      if (maker.body ? kind !== POINTWISE_ANCHOR : !maker.op.traits.element)
        return `${moved.name} is made by ${kind ? anchorName(kind) : maker.op.name}, which is not computed element by element`;
      return maker.results.length === 1 || `${maker.op.name} makes ${maker.results.length} values`;
    }),
    predicate(
      "elements-have-one-reader",
      (m) => m.index.isPrivate(m.value("moved")) || describeReaders(m.index, m.value("moved")),
    ),
    predicate("reads-nothing-that-it-overwrites", readsTheOld),
    predicate("kernel-takes-them", (m) => policy.refuses(m.node.op, bodyOfBoth(m)) ?? true),
  ],
  replace: (m) => mergeRegion(m.index, m.node.op, [makerOf(m), m.node]),
});

/** A scatter that no other kernel took in takes in what makes its elements. */
export function fuseScatter(policy: RegionPolicy = defaultPolicy): Pass {
  return {
    name: "fuse-scatter",
    summary: "a scatter computes the elements that it alone moves",
    role: "fuse",
    run: (graph, report) => applyOwnRules(graph, [movedRows(policy)], report),
  };
}
