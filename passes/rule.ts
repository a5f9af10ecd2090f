// Rules as values: where to look, named predicates, a replacement. Because the predicates are named, every site can say
// whether its rule fired, or which predicate was the first to say no and by which facts.
import {
  at,
  CompileError,
  causedBy,
  type Graph,
  type GraphIndex,
  indexGraph,
  type Node,
  thrownText,
  unreachable,
  type Value,
} from "../ir/index.ts";
import { checkedReplacement, checkedSites, checkRules } from "./check-rule.ts";
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

  /**
   * The value that a predicate has set; `site` is the site's own.
   * @throws CompileError when none has.
   */
  value(name: string): Value {
    return this.#values.get(name) ?? (name === "site" ? this.site : this.#unset(name));
  }
  /**
   * The number that a predicate has set.
   * @throws CompileError when none has.
   */
  number(name: string): number {
    return this.#numbers.get(name) ?? this.#unset(name);
  }
  /** Remembers a finding for the predicates after this one and the replacement. */
  set(name: string, found: Value | number): void {
    if (typeof found === "number") this.#numbers.set(name, found);
    else this.#values.set(name, found);
  }
  /**
   * The node that makes `v`, which a predicate has made sure of.
   * @throws CompileError when `v` is an input or a literal.
   */
  producer(v: Value): Node {
    const node = this.index.producer(v);
    if (node) return node;
    throw new CompileError(this.site.name, `${v.name} has no producer`, "a predicate should have asked for one");
  }

  #unset(name: string): never {
    throw new CompileError(
      this.site.name,
      `a rule reads ${name}, which no predicate has set`,
      `\`set\` it in a predicate`,
    );
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
/** Nodes beyond which rules make a graph larger and larger: more than any op is made of. */
const mostNodes = (graph: Graph): number => 20_000 + 100 * graph.nodes.length;

/** A site whose predicates all agree. */
interface Firing {
  readonly rule: Rule;
  readonly site: Value;
  readonly replacement: Replacement;
}

/** Why a site's replacement, made alone, leaves no valid graph: it closes a circle, or reads what is overwritten before. */
type Invalid = Map<Rule, Map<Value, string>>;

/** Hears of a site, and the graph that what is said about it is true of: before it fired, or at the end. */
export type Report = (site: SiteReport, graph: Graph) => void;

/**
 * Applies the rules until none fires. Reports each firing, and each site that still says no at the end.
 * @throws CompileError that names rule and site for whatever a rule throws, and for rules that never settle.
 */
export const applyRules = (graph: Graph, rules: readonly Rule[], report?: Report): Graph =>
  settle(graph, rules, report, false);

/** The same for rules of wgpt's own, whose failures are bugs of wgpt's. */
export const applyOwnRules = (graph: Graph, rules: readonly Rule[], report?: Report): Graph =>
  settle(graph, rules, report, true);

function settle(graph: Graph, rules: readonly Rule[], report: Report | undefined, own: boolean): Graph {
  if (!own) checkRules(rules);
  let current = graph;
  const invalid: Invalid = new Map(rules.map((r) => [r, new Map()]));
  for (let round = 0; round < ROUNDS && current.nodes.length <= mostNodes(graph); round++) {
    const refusals: SiteReport[] = [];
    const firings = findFirings(current, rules, invalid, refusals, own);
    if (firings.length === 0) {
      for (const r of refusals) report?.(r, current);
      return current;
    }
    const next = fire(current, firings, invalid, report);
    // What was invalid may not be so in another graph.
    if (next !== current) for (const sites of invalid.values()) sites.clear();
    current = next;
  }
  const names = rules.map((r) => r.name).join(", ");
  if (own) return unreachable(`${names} never settle on ${graph.name}`);
  throw new CompileError(
    `rules ${names}`,
    `${names} never settle on ${graph.name}`,
    "a predicate must refuse what the rules have made",
  );
}

/** Makes as many replacements, counted from the first, as leave a valid graph: two may close a circle that neither closes. */
function fire(graph: Graph, firings: readonly Firing[], invalid: Invalid, report: Report | undefined): Graph {
  const next = rebuild(
    graph,
    firings.map((f) => f.replacement),
  );
  if (typeof next !== "string") {
    for (const { rule, site } of firings) report?.({ rule: rule.name, site: site.name }, graph);
    return next;
  }
  if (firings.length > 1) return fire(graph, firings.slice(0, Math.ceil(firings.length / 2)), invalid, report);
  for (const { rule, site } of firings) invalid.get(rule)?.set(site, next);
  return graph;
}

function findFirings(
  graph: Graph,
  rules: readonly Rule[],
  invalid: Invalid,
  refusals: SiteReport[],
  own: boolean,
): Firing[] {
  const index = indexGraph(graph);
  const claimed = new Set<Node>();
  const found: Firing[] = [];
  for (const node of graph.nodes)
    for (const rule of rules)
      for (const site of guarded(rule, at(node.results, 0), own, "sites", () =>
        checkedSites(rule.sites(node, index)),
      )) {
        const match = new Match(index, site, node);
        const facts = invalid.get(rule)?.get(site);
        const refusal = facts ? { predicate: "leaves-a-valid-graph", facts } : firstRefusal(rule, match, own);
        if (refusal) {
          refusals.push({ rule: rule.name, site: site.name, refusal });
          continue;
        }
        const replacement = guarded(rule, site, own, "replace", () => checkedReplacement(rule.replace(match)));
        // Two matches that share a node wait for each other: the later one is looked at again in the next round.
        if (replacement.remove.some((n) => claimed.has(n))) continue;
        for (const n of replacement.remove) claimed.add(n);
        for (const v of replacement.insert.flatMap((n) => n.results))
          origins.set(v, { rule: rule.name, site: site.name });
        found.push({ rule, site, replacement });
      }
  return found;
}

const origins = new WeakMap<Value, { readonly rule: string; readonly site: string }>();

/** The rule that made a value, and at which site. */
export const originOf = (v: Value): { readonly rule: string; readonly site: string } | undefined => origins.get(v);

function firstRefusal(rule: Rule, match: Match, own: boolean): SiteReport["refusal"] {
  for (const p of rule.predicates) {
    const answer: unknown = guarded(rule, match.site, own, `predicate ${p.name}`, () => p.test(match));
    if (answer === true) continue;
    if (typeof answer === "string") return { predicate: p.name, facts: answer };
    throw new CompileError(
      placeOf(rule, match.site),
      `its predicate ${p.name} answers ${String(answer)}`,
      "a predicate answers true, or the facts that speak against the site as text",
    );
  }
  return undefined;
}

const placeOf = (rule: Rule, site: Value): string => `rule ${rule.name} at ${site.name}`;

/** Calls a member of a rule: what it throws names rule and site. */
function guarded<X>(rule: Rule, site: Value, own: boolean, member: string, call: () => X): X {
  try {
    return call();
  } catch (error) {
    const place = placeOf(rule, site);
    if (error instanceof CompileError)
      throw causedBy(new CompileError(`${place}, ${error.place}`, error.facts, error.hint), error);
    if (own) return unreachable(`${place}: its ${member} throws ${thrownText(error)}`);
    throw causedBy(new CompileError(place, `its ${member} throws ${thrownText(error)}`, `mend ${member}`), error);
  }
}
