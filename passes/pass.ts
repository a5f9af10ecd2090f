// A pass is a pure function from graph to graph. Same input, same output; no I/O, no globals.
import {
  CompileError,
  causedBy,
  type Graph,
  printTypes,
  thrownText,
  unreachable,
  updatedStates,
  type Value,
  verify,
} from "../ir/index.ts";
import { applyRules, originOf, type Report, type Rule, type SiteReport } from "./rule.ts";

/**
 * What a pass is for. `required`: an entry point is none without it, so that it can't be left out. `simplify`: it spells the
 * same computation with fewer or plainer nodes. `fuse`: it changes how much is computed at once, and never what.
 */
export const PASS_ROLES = ["required", "simplify", "fuse"] as const;
/** What a pass is for; see `PASS_ROLES`. */
export type PassRole = (typeof PASS_ROLES)[number];

/** What is known of a pass before it is made for an entry point. */
export interface PassFacts {
  readonly name: string;
  readonly summary: string;
  readonly role: PassRole;
}

/** A pure function from graph to graph, with a name. */
export interface Pass extends PassFacts {
  /** `report` hears of every site that a rule of the pass looked at. */
  run(graph: Graph, report?: Report): Graph;
}

/** A pass that applies rules until none fires. */
export const rulePass = ({ rules, ...facts }: PassFacts & { readonly rules: readonly Rule[] }): Pass => ({
  ...facts,
  run: (graph, report) => applyRules(graph, rules, report),
});

/** Watches a run. Observers are arguments, never globals. */
export interface PassObserver {
  /** Called once with the graph that the run starts from. */
  start?(graph: Graph): void;
  /** Called after each pass; a graph that did not change is the same object. */
  after?(pass: Pass, graph: Graph, before: Graph): void;
  /** Called for every site that a rule looked at, with the graph that the rule saw. */
  site?(pass: Pass, site: SiteReport, graph: Graph): void;
}

const OURS = new WeakSet<Pass>();

/** Marks a pass as one of wgpt's own, whose failures are bugs of wgpt's and not of a user's. */
export function ownPass(pass: Pass): Pass {
  OURS.add(pass);
  return pass;
}

/**
 * Runs the passes in order, verifying before the first and after each.
 * @throws CompileError for a graph that is not valid, which names the pass that made it so.
 */
export function runPasses(graph: Graph, passes: readonly Pass[], observers: readonly PassObserver[] = []): Graph {
  verify(graph);
  for (const o of observers) o.start?.(graph);
  return passes.reduce((before, pass) => {
    const seen: (readonly [SiteReport, Graph])[] = [];
    const after = runNamed(pass, before, (...report) => seen.push(report));
    // Heard afterwards: what an observer throws is no failure of the pass.
    for (const report of seen) for (const o of observers) o.site?.(pass, ...report);
    // A pass of a user's may have changed the very graph that it was given.
    if (after !== before || !OURS.has(pass))
      verifyAfter(
        pass,
        after,
        before,
        seen.map(([site]) => site).filter((site) => !site.refusal),
      );
    for (const o of observers) o.after?.(pass, after, before);
    return after;
  }, graph);
}

function runNamed(pass: Pass, graph: Graph, report: Report): Graph {
  try {
    const after: Partial<Graph> | undefined = pass.run(graph, report);
    if (after?.nodes && after.inputs && after.results) return after as Graph;
    throw new TypeError("it gives no graph");
  } catch (error) {
    const place = `pass ${pass.name}`;
    if (error instanceof CompileError)
      throw causedBy(new CompileError(`${place}, ${error.place}`, error.facts, error.hint), error);
    if (OURS.has(pass)) return unreachable(`${place}: ${thrownText(error)}`);
    throw causedBy(new CompileError(place, `throws ${thrownText(error)}`, "a pass makes a graph of a graph"), error);
  }
}

/** A graph that a pass left broken: which rule made the node, or which was the only one that fired. */
function verifyAfter(pass: Pass, graph: Graph, before: Graph, fired: readonly SiteReport[]): void {
  try {
    verify(graph);
    verifyResults(graph, before);
  } catch (error) {
    const place = `pass ${pass.name}`;
    if (!(error instanceof CompileError)) {
      if (OURS.has(pass)) throw error;
      throw causedBy(new CompileError(place, `gives no graph: ${thrownText(error)}`, "see `Graph`"), error);
    }
    const broken = graph.nodes.find((n) => error.place.endsWith(` ${n.results[0]?.name}`))?.results[0];
    const by = (broken && originOf(broken)) ?? (fired.length === 1 ? fired[0] : undefined);
    const rule = by ? `, rule ${by.rule} at ${by.site}` : "";
    throw causedBy(new CompileError(`${place}${rule}, ${error.place}`, error.facts, error.hint), error);
  }
}

/** Whatever a pass makes of a graph, its callers ask for what it returned before: as many values, which lie alike. How a state lies is its own. */
function verifyResults(graph: Graph, before: Graph): void {
  const [now, then] = [updatedStates(graph), updatedStates(before)];
  const isAlike = (a: Value, b: Value | undefined): boolean =>
    a.type.shape.length === b?.type.shape.length && (a.type.dtype === b.type.dtype || (now.has(a) && then.has(b)));
  if (graph.results.length !== before.results.length || !graph.results.every((r, i) => isAlike(r, before.results[i])))
    throw new CompileError(
      `graph ${graph.name}`,
      `returns ${printTypes(graph.results.map((r) => r.type)) || "nothing"}, but returned ${printTypes(before.results.map((r) => r.type))} before`,
      "a pass gives other nodes for the same results",
    );
}
