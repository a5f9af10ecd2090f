// Every refusal of every model, random graph and look-alike is true of the graph that the rule saw.
import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { kernelPolicy } from "../../codegen/select-kernel.ts";
import type { Graph } from "../../ir/graph.ts";
import { PRESETS } from "../../ir/models/gpt2/config.ts";
import { buildGpt2 } from "../../ir/models/gpt2/graph.ts";
import { parseGraph } from "../../ir/parse.ts";
import type { SymbolValues } from "../../ir/type.ts";
import { runPasses } from "../../passes/pass.ts";
import type { WeightDType } from "../../passes/pass-maker.ts";
import { pipeline } from "../../passes/pipeline.ts";
import type { SiteReport } from "../../passes/rule.ts";
import { checkFacts } from "../support/check-facts.ts";
import { randomGraph } from "../support/random-graph.ts";
import { DISTINCT_TARGETS } from "../support/targets.ts";
import { entryPoints, tinyConfigs, tinyGpt2 } from "./gpt2-variants.ts";
import { randomNetwork } from "./random-network.ts";

const test = suite("explain: facts");

const ALL = DISTINCT_TARGETS;

/** Checks what every pass says of the graph; returns how much was refused. */
function walk(graph: Graph, symbols: SymbolValues = {}, weights: WeightDType = "f32", targets = ALL): number {
  let refusals = 0;
  for (const target of targets) {
    const { maxStorageBufferBindingSize: maxWeightBytes, maxStorageBuffersPerShaderStage: maxBuffers } = target.limits;
    const passes = pipeline({ symbols, weights, policy: kernelPolicy(target), maxWeightBytes, maxBuffers });
    const site = (_: unknown, report: SiteReport, seen: Graph) => {
      checkFacts(report, seen);
      if (report.refusal) refusals++;
    };
    runPasses(graph, passes, [{ site }]);
  }
  return refusals;
}

for (const [name, config] of Object.entries(PRESETS))
  test(`${name}: every entry point, with weights of both kinds`, () => {
    // A layer is like the others; the last one is not like the first.
    const shallow = { ...config, n_layer: 2 };
    for (const symbols of [{}, { T: 1 }])
      for (const logits of ["all", "last"] as const)
        for (const [weights, targets] of [
          ["f32", name === "gpt2" ? ALL : ALL.slice(0, 1)],
          ["f16", ALL.slice(0, 1)],
        ] as const)
          assert.ok(walk(buildGpt2(shallow, logits, "sequence"), symbols, weights, targets) > 0);
  });

test("every choice that a configuration has", () => {
  for (const config of tinyConfigs)
    for (const { graph, symbols } of entryPoints(tinyGpt2(config))) walk(graph, symbols, "f32", ALL.slice(0, 1));
});

test("random graphs and networks", () => {
  const graphs = [
    ...fc.sample(randomNetwork(8), { numRuns: 40, seed: 1 }),
    ...fc.sample(randomGraph(12), { numRuns: 40, seed: 1 }),
  ];
  for (const graph of graphs) walk(graph, {}, "f32", ALL.slice(0, 1));
});

test("a sentence that is not so is found", () => {
  const graph = parseGraph("graph g(x: f32[2, 3], w: f32[3, 4]) { m = matmul(x, w) y = neg(m) return y, m }");
  const says = (facts: string) => () =>
    checkFacts({ rule: "bias", site: "m", refusal: { predicate: "product-has-one-reader", facts } }, graph);
  says("m is read by y and returned by the graph")();
  for (const facts of ["m is read by y", "m is read by 1 nodes", "m is returned by the graph", "m is read by x"])
    assert.throws(says(facts), /is not so/, facts);
  assert.throws(says("m is lonely"), /no check knows such a sentence/);
});

test.run();
