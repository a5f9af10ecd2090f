// A pass is a pure function from graph to graph. Same input, same output; no I/O, no globals.
import { type Graph, verify } from "../ir/index.ts";
import type { SiteReport } from "./rule.ts";

/** A pure function from graph to graph, with a name. */
export interface Pass {
  readonly name: string;
  readonly summary: string;
  /** `report` hears of every site that a rule of the pass looked at. */
  run(graph: Graph, report?: (site: SiteReport) => void): Graph;
}

/** Watches a run. Observers are arguments, never globals. */
export interface PassObserver {
  /** Called once with the graph that the run starts from. */
  start?(graph: Graph): void;
  /** Called after each pass; a graph that did not change is the same object. */
  after?(pass: Pass, graph: Graph, before: Graph): void;
  /** Called for every site that a rule looked at. */
  site?(pass: Pass, site: SiteReport): void;
}

/**
 * Runs the passes in order, verifying before the first and after each.
 * @throws CompileError for a graph that is not valid.
 */
export function runPasses(graph: Graph, passes: readonly Pass[], observers: readonly PassObserver[] = []): Graph {
  verify(graph);
  for (const o of observers) o.start?.(graph);
  return passes.reduce((before, pass) => {
    const after = pass.run(before, (site) => {
      for (const o of observers) o.site?.(pass, site);
    });
    if (after !== before) verify(after);
    for (const o of observers) o.after?.(pass, after, before);
    return after;
  }, graph);
}
