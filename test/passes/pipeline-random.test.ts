// Properties of the whole pipeline, on graphs that nobody would write.
import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { at } from "../../ir/errors.ts";
import type { Graph } from "../../ir/graph.ts";
import { interpret } from "../../ir/interpret.ts";
import { parseGraph } from "../../ir/parse.ts";
import { printGraph } from "../../ir/print.ts";
import type { SymbolValues } from "../../ir/type.ts";
import { runPasses } from "../../passes/pass.ts";
import { pipeline } from "../../passes/pipeline.ts";
import { RANDOM_SYMBOLS, randomGraph } from "../support/random-graph.ts";
import { assertClose, seededTensor } from "../support/tensors.ts";
import { randomNetwork } from "./random-network.ts";

const test = suite("pipeline: random graphs");

// A dozen nodes in f64, in another order of operations. A product of large numbers may lose more than the usual digits.
const REORDERED = { rtol: 1e-6, atol: 1e-6 };

/** Reproducible; the counterexample that fast-check prints has its own seed and path. */
const RUNS = { seed: 20240229, numRuns: 100 };

function run(graph: Graph, sizes: SymbolValues) {
  const inputs = new Map(graph.inputs.map(({ value }, i) => [value.name, seededTensor(value.type, sizes, i + 1)]));
  return interpret(graph, inputs, sizes);
}

/** Passes verify after each other; here the numbers are compared, and the result is read back from its text. */
function expectKept(graph: Graph, symbols: SymbolValues, sizes: SymbolValues): void {
  const after = runPasses(graph, pipeline({ symbols }));
  const wanted = run(graph, sizes);
  run(after, sizes).forEach((tensor, i) => {
    assertClose(tensor, at(wanted, i), REORDERED, `result ${i} of ${printGraph(after)}`);
  });
  assert.is(printGraph(parseGraph(printGraph(after))), printGraph(after));
}

/** A counterexample as text. */
const readable = (graphs: fc.Arbitrary<Graph>): fc.Arbitrary<Graph> =>
  graphs.map((graph) => Object.assign({ ...graph }, { [fc.toStringMethod]: () => printGraph(graph) }));

test("the pipeline keeps the numbers of pointwise ops around matmuls and normalisations", () => {
  fc.assert(
    fc.property(readable(randomNetwork(14)), (graph) => expectKept(graph, {}, { T: 3, P: 2 })),
    RUNS,
  );
});

test("and of the same at decode", () => {
  fc.assert(
    fc.property(readable(randomNetwork(14)), (graph) => expectKept(graph, { T: 1 }, { T: 1, P: 2 })),
    RUNS,
  );
});

test("and of any graph at all", () => {
  fc.assert(
    fc.property(readable(randomGraph(14)), (graph) => expectKept(graph, {}, RANDOM_SYMBOLS)),
    RUNS,
  );
});

test("a second run of the pipeline finds a graph that it keeps the numbers of too", () => {
  fc.assert(
    fc.property(readable(randomNetwork(10)), (graph) => expectKept(runPasses(graph, pipeline()), {}, { T: 3, P: 2 })),
    RUNS,
  );
});

test.run();
