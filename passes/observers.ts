// Ready-made observers: collect what the rules said, or hand over the graph after each pass.
import { type Graph, printGraph } from "../ir/index.ts";
import type { PassObserver } from "./pass.ts";
import type { SiteReport } from "./rule.ts";

/** What a rule of a pass said about one site. */
export interface PassReport extends SiteReport {
  readonly pass: string;
}

/** Keeps what every rule said about every candidate site. */
export class Explainer implements PassObserver {
  readonly reports: PassReport[] = [];

  /** Hears of a site. */
  site: NonNullable<PassObserver["site"]> = (pass, site) => {
    this.reports.push({ pass: pass.name, ...site });
  };
}

/** Calls `write` with the graph's text: numbered from 00 (the input), so that the names sort in the order of the passes. */
export function dumper(write: (name: string, text: string) => void): PassObserver {
  let n = 0;
  const dump = (name: string, graph: Graph) => {
    write(`${String(n++).padStart(2, "0")}-${name}.txt`, printGraph(graph));
  };
  return { start: (graph) => dump("input", graph), after: (pass, graph) => dump(pass.name, graph) };
}
