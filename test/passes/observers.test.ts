// Watching a run: the explainer, the dumper, and the verifier that looks at every pass's work.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CompileError } from "../../ir/errors.ts";
import { parseGraph } from "../../ir/parse.ts";
import { printGraph } from "../../ir/print.ts";
import { canonicalize } from "../../passes/canonicalize.ts";
import { foldConstants } from "../../passes/fold-constants.ts";
import { fusePointwise } from "../../passes/fuse-pointwise.ts";
import { dumper, Explainer } from "../../passes/observers.ts";
import { type Pass, type PassObserver, runPasses } from "../../passes/pass.ts";
import { pipeline } from "../../passes/pipeline.ts";

const test = suite("observers");

const GRAPH =
  "graph g(x: f32[T, 4], w: f32[4, 6]) { s = sub(x, 2.0) m = matmul(s, w) y = tanh(m) z = neg(m) return y, z }";

test("the explainer keeps what every rule said, pass by pass", () => {
  const explainer = new Explainer();
  runPasses(parseGraph(GRAPH), [canonicalize, foldConstants, fusePointwise()], [explainer]);
  assert.equal(
    explainer.reports.map((r) => `${r.pass}/${r.rule} ${r.site}: ${r.refusal ? r.refusal.predicate : "fired"}`),
    [
      "canonicalize/subtract-a-literal s: fired",
      "fold-constants/literals-only s: operands-are-literals",
      "fuse-pointwise/epilogue m: has-one-reader",
      "fuse-pointwise/prologue s: fired",
      "fuse-pointwise/prologue y: has-one-reader",
      "fuse-pointwise/prologue z: has-one-reader",
    ],
  );
  assert.is(explainer.reports.find((r) => r.site === "m")?.refusal?.facts, "m is read by y, z");
});

test("the dumper writes the input and the graph after each pass, under names that sort", () => {
  const written = new Map<string, string>();
  const passes = pipeline({ symbols: { T: 1 } });
  const result = runPasses(parseGraph(GRAPH), passes, [dumper((name, text) => written.set(name, text))]);
  const names = [...written.keys()];
  assert.equal(names, names.toSorted());
  assert.equal(names, ["00-input.txt", ...passes.map((p, i) => `${String(i + 1).padStart(2, "0")}-${p.name}.txt`)]);
  assert.is(written.get("00-input.txt"), printGraph(parseGraph(GRAPH)));
  assert.is([...written.values()].at(-1), printGraph(result));
});

test("every observer hears of everything, in order", () => {
  const heard: string[] = [];
  const observer = (name: string): PassObserver => ({
    start: () => heard.push(`${name} start`),
    site: (pass) => heard.push(`${name} ${pass.name} site`),
    after: (pass, after, before) => heard.push(`${name} ${pass.name} ${after === before ? "same" : "new"}`),
  });
  runPasses(
    parseGraph("graph g(x: f32[4]) { y = sub(x, 2.0) return y }"),
    [canonicalize, foldConstants],
    [observer("a"), observer("b")],
  );
  assert.equal(heard, [
    "a start",
    "b start",
    "a canonicalize site",
    "b canonicalize site",
    "a canonicalize new",
    "b canonicalize new",
    "a fold-constants site",
    "b fold-constants site",
    "a fold-constants same",
    "b fold-constants same",
  ]);
});

test("a pass that breaks the graph is stopped before the next one sees it", () => {
  const breaks: Pass = {
    name: "break",
    summary: "drops the first node",
    role: "simplify",
    run: (graph) => ({ ...graph, nodes: graph.nodes.slice(1) }),
  };
  let reached = false;
  const next: Pass = {
    ...canonicalize,
    run(graph) {
      reached = true;
      return graph;
    },
  };
  assert.throws(
    () => runPasses(parseGraph(GRAPH), [breaks, next]),
    (e: Error) => e instanceof CompileError && /V2/.test(e.message),
  );
  assert.not(reached);
});

test("a graph that is broken from the start meets no pass", () => {
  const graph = parseGraph(GRAPH);
  assert.throws(() => runPasses({ ...graph, nodes: graph.nodes.toReversed() }, []), /V2/);
});

test.run();
