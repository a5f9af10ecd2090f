// Rules as values: where to look, named predicates, a replacement. Because the predicates are named, every site can say
// whether its rule fired, or which predicate was the first to say no and by which facts.
import { type Graph, type GraphIndex, indexGraph, type Node, unreachable, type Value } from "../ir/index.ts";
import { type Replacement, rebuild } from "./rebuild.ts";

/** What a rule has found out about one site so far. */
export class Match {
  readonly index: GraphIndex;
  /** The value that the site is named for, and the node that makes it. */
  readonly site: Value;
  readonly node: Node;
  readonly #values = new Map<string, Value>();
  readonly #numbers = new Map<string, number>();

  constructor(index: GraphIndex, site: Value, node: Node) {
    this.index = index;
    this.site = site;
    this.node = node;
  }

  /** The value that a predicate has set. */
  value(name: string): Value {
    return this.#values.get(name) ?? unreachable(`a rule reads ${name}, which no predicate has set`);
  }
  /** The number that a predicate has set. */
  number(name: string): number {
    return this.#numbers.get(name) ?? unreachable(`a rule reads ${name}, which no predicate has set`);
  }
  /** Remembers a finding for the predicates after this one and the replacement. */
  set(name: string, found: Value | number): void {
    if (typeof found === "number") this.#numbers.set(name, found);
    else this.#values.set(name, found);
  }
  /** The node that makes `v`, which a predicate has made sure of. */
  producer(v: Value): Node {
    return this.index.producer(v) ?? unreachable(`${v.name} has no producer`);
  }
}

/** `test` answers true, or the facts that speak against the site. */
export interface Predicate {
  readonly name: string;
  /** True, or the facts that speak against the site. */
  test(match: Match): true | string;
}

/** A predicate. */
export const predicate = (name: string, test: Predicate["test"]): Predicate => ({ name, test });

/** A rewrite of one kind of place. */
export interface Rule {
  readonly name: string;
  readonly summary: string;
  /** The candidate sites that a node offers; none for most nodes. */
  sites(node: Node, index: GraphIndex): readonly Value[];
  readonly predicates: readonly Predicate[];
  /** What stands in the site's place. Called only when every predicate agrees. */
  replace(match: Match): Replacement;
}

/** One line of `explain`. */
export interface SiteReport {
  readonly rule: string;
  /** The site's value, by name. */
  readonly site: string;
  /** Absent when the rule fired. */
  readonly refusal?: { readonly predicate: string; readonly facts: string };
}

const ROUNDS = 10_000;

/** A site whose predicates all agree. */
interface Firing {
  readonly rule: Rule;
  readonly site: Value;
  readonly replacement: Replacement;
}

/** Why a site's replacement, made alone, leaves no valid graph: it closes a circle, or reads what is overwritten before. */
type Invalid = Map<Rule, Map<Value, string>>;

/** Applies the rules until none fires. Reports each firing, and each site that still says no at the end. */
export function applyRules(graph: Graph, rules: readonly Rule[], report?: (site: SiteReport) => void): Graph {
  let current = graph;
  const invalid: Invalid = new Map(rules.map((r) => [r, new Map()]));
  for (let round = 0; round < ROUNDS; round++) {
    const refusals: SiteReport[] = [];
    const firings = findFirings(current, rules, invalid, refusals);
    if (firings.length === 0) {
      for (const r of refusals) report?.(r);
      return current;
    }
    const next = fire(current, firings, invalid, report);
    // What was invalid may not be so in another graph.
    if (next !== current) for (const sites of invalid.values()) sites.clear();
    current = next;
  }
  return unreachable(`${rules.map((r) => r.name).join(", ")} never settle on ${graph.name}`);
}

/** Makes as many replacements, counted from the first, as leave a valid graph: two may close a circle that neither closes. */
function fire(
  graph: Graph,
  firings: readonly Firing[],
  invalid: Invalid,
  report: ((site: SiteReport) => void) | undefined,
): Graph {
  const next = rebuild(
    graph,
    firings.map((f) => f.replacement),
  );
  if (typeof next !== "string") {
    for (const { rule, site } of firings) report?.({ rule: rule.name, site: site.name });
    return next;
  }
  if (firings.length > 1) return fire(graph, firings.slice(0, Math.ceil(firings.length / 2)), invalid, report);
  for (const { rule, site } of firings) invalid.get(rule)?.set(site, next);
  return graph;
}

function findFirings(graph: Graph, rules: readonly Rule[], invalid: Invalid, refusals: SiteReport[]): Firing[] {
  const index = indexGraph(graph);
  const claimed = new Set<Node>();
  const found: Firing[] = [];
  for (const node of graph.nodes)
    for (const rule of rules)
      for (const site of rule.sites(node, index)) {
        const match = new Match(index, site, node);
        const facts = invalid.get(rule)?.get(site);
        const refusal = facts ? { predicate: "leaves-a-valid-graph", facts } : firstRefusal(rule, match);
        if (refusal) {
          refusals.push({ rule: rule.name, site: site.name, refusal });
          continue;
        }
        const replacement = rule.replace(match);
        // Two matches that share a node wait for each other: the later one is looked at again in the next round.
        if (replacement.remove.some((n) => claimed.has(n))) continue;
        for (const n of replacement.remove) claimed.add(n);
        found.push({ rule, site, replacement });
      }
  return found;
}

function firstRefusal(rule: Rule, match: Match): SiteReport["refusal"] {
  for (const p of rule.predicates) {
    const answer = p.test(match);
    if (answer !== true) return { predicate: p.name, facts: answer };
  }
  return undefined;
}
