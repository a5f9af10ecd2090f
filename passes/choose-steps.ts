// In how many steps a node is computed: alone, or in steps that more of a machine's units can share. What that costs and gains, the
// policy knows, by predicted times.
import type { Node } from "../ir/index.ts";
import type { RegionPolicy } from "./fuse-pointwise.ts";
import type { Pass } from "./pass.ts";
import { anchorOf } from "./region.ts";
import { applyOwnRules, type Match, predicate, type Rule } from "./rule.ts";
import { inParts, replaceBySteps, withNormApart } from "./steps.ts";

type Compare = NonNullable<RegionPolicy["compare"]>;

/** More parts than there are here are more than any machine has use for. */
const PARTS = [2, 4, 8, 16, 32, 64];

const µs = (seconds: number | undefined): string => `${((seconds ?? Number.NaN) * 1e6).toPrecision(3)} µs`;

/** A way to compute a node: what it is called in a sentence, and the nodes in the order in which they are computed. */
type Way = readonly [name: string, steps: readonly Node[]];

interface Cut {
  readonly name: string;
  readonly summary: string;
  readonly isSite: (node: Node) => boolean;
  readonly waysOf: (node: Node) => Iterable<Way>;
}

const cutRule = ({ name, summary, isSite, waysOf }: Cut, compare: Compare): Rule => ({
  name,
  summary,
  sites: (node) => (isSite(node) ? node.results.slice(0, 1) : []),
  predicates: [
    predicate("is-faster", (m) => {
      const { chosen, seconds } = compare(name, m.node, () => stepsOf(waysOf(m.node)));
      if (chosen === undefined) return whyNot(m, seconds, waysOf);
      m.set("way", chosen);
      return true;
    }),
  ],
  replace: (m) => replaceBySteps(m.index, m.node, wayAt(waysOf(m.node), m.number("way"))?.[1] ?? []),
});

function whyNot(m: Match, [alone, ...others]: readonly number[], waysOf: Cut["waysOf"]): string {
  const least = Math.min(...others);
  const whole = `${m.site.name} is predicted to take ${µs(alone)}`;
  if (others.length === 0) return `${whole}, near the least that it can`;
  if (!Number.isFinite(least)) return `${whole}, and no kernel that says what it does computes it otherwise`;
  return `${whole}, and ${µs(least)} ${wayAt(waysOf(m.node), others.indexOf(least))?.[0]}`;
}

function* stepsOf(ways: Iterable<Way>): Generator<readonly Node[]> {
  for (const [, steps] of ways) yield steps;
}

/** The ways before it are made as well. */
function wayAt(ways: Iterable<Way>, place: number): Way | undefined {
  let i = 0;
  for (const way of ways) if (i++ === place) return way;
  return undefined;
}

const CUTS: readonly Cut[] = [
  {
    name: "norm-apart",
    summary: "a normalisation that every workgroup would compute for itself is computed once, before",
    isSite: (node) => node.body?.nodes.some((n) => n.op.traits.normalizes && n.op !== node.anchor) ?? false,
    waysOf(node) {
      const steps = withNormApart(node);
      return steps ? [["after its norm", steps]] : [];
    },
  },
  {
    name: "in-parts",
    summary: "an anchor with few workgroups is computed in parts, and put together",
    isSite(node) {
      const anchor = anchorOf(node);
      return typeof anchor === "object" && anchor.split !== undefined;
    },
    *waysOf(node) {
      for (const parts of PARTS) {
        const steps = inParts(node, parts);
        if (steps) yield [`in ${parts} parts`, steps];
      }
    },
  },
];

/** Cuts what is faster in more steps than one. */
export const chooseSteps = (compare: Compare): Pass => ({
  name: "choose-steps",
  summary: "what more of the machine's units could share is computed in several steps",
  role: "fuse",
  run: (graph, report) =>
    applyOwnRules(
      graph,
      CUTS.map((c) => cutRule(c, compare)),
      report,
    ),
});
