// What a pass says about its candidate sites. A refusal is held to its predicate: a look-alike that is left alone for the
// wrong reason passes every other check.
import * as assert from "uvu/assert";
import type { Op } from "../../ir/op.ts";
import { parseGraph } from "../../ir/parse.ts";
import type { Pass } from "../../passes/pass.ts";
import type { SiteReport } from "../../passes/rule.ts";
import { checkFacts } from "../support/check-facts.ts";
import { expectUnchanged } from "../support/expect-pass.ts";
import { withOps } from "../support/own-ops.ts";

export function reportsOf(pass: Pass, graph: string, userOps: readonly Op[] = []): readonly SiteReport[] {
  const reports: SiteReport[] = [];
  pass.run(parseGraph(graph, withOps(userOps)), (site, seen) => {
    checkFacts(site, seen);
    reports.push(site);
  });
  return reports;
}

/** `fired`, or the predicate that said no, at each site, in the order of the reports: `{ y: "fired" }`. */
export function verdicts(pass: Pass, graph: string, userOps: readonly Op[] = []): Readonly<Record<string, string>> {
  return Object.fromEntries(
    reportsOf(pass, graph, userOps).map((r) => [r.site, r.refusal ? r.refusal.predicate : "fired"]),
  );
}

/** The pass leaves the graph alone, and at `site` it is `predicate` that says no, for a reason that has `facts` in it. */
export function expectRefusal(
  pass: Pass,
  graph: string,
  { site, predicate, facts }: { readonly site: string; readonly predicate: string; readonly facts: string },
  userOps: readonly Op[] = [],
): void {
  expectUnchanged(pass, graph, userOps);
  expectSaysNo(pass, graph, { site, predicate, facts }, userOps);
}

/** The same, where the pass does change other places of the graph. */
export function expectSaysNo(
  pass: Pass,
  graph: string,
  { site, predicate, facts }: { readonly site: string; readonly predicate: string; readonly facts: string },
  userOps: readonly Op[] = [],
): void {
  const reports = reportsOf(pass, graph, userOps).filter((r) => r.site === site);
  const refusals = reports.flatMap((r) => (r.refusal ? [r.refusal] : []));
  assert.ok(reports.length > 0, `${pass.name} says nothing about ${site}`);
  assert.is(refusals.length, reports.length, `${pass.name} fired at ${site}`);
  const found = refusals.find((r) => r.predicate === predicate);
  assert.ok(
    found,
    `${pass.name} refuses ${site} by ${refusals.map((r) => r.predicate).join(", ")}, not by ${predicate}`,
  );
  assert.ok(found?.facts.includes(facts), `${pass.name} refuses ${site} because ${found?.facts}; wanted: ${facts}`);
}
