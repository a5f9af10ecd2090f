// Passes and rules of a user's that fail: the error names the pass, the rule and the site, and never says that wgpt is to
// blame. A rule of wgpt's own that fails does say so, and names the same.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { at, CompileError } from "../../ir/errors.ts";
import type { Graph } from "../../ir/graph.ts";
import { add, concat, neg, tanh } from "../../ir/ops/index.ts";
import { parseGraph, parseType } from "../../ir/parse.ts";
import { Emitter } from "../../passes/emit.ts";
import { ownPass, type Pass, runPasses } from "../../passes/pass.ts";
import type { Replacement } from "../../passes/rebuild.ts";
import { applyOwnRules, applyRules, type Match, predicate, type Rule } from "../../passes/rule.ts";

const test = suite("hostile rules");

const GRAPH = parseGraph("graph g(x: f32[4]) { a = tanh(x) y = neg(a) return y }");

const rule = (members: Partial<Rule>): Rule => ({
  name: "mine",
  summary: "fails",
  sites: (node) => (node.op === neg ? node.results : []),
  predicates: [],
  replace: (m) => new Emitter(m.index, m.site).replace([m.node], at(m.node.operands, 0)),
  ...members,
});
const passOf = (...rules: readonly Rule[]): Pass => ({
  name: "my-pass",
  summary: "applies rules",
  role: "simplify",
  run: (graph, report) => applyRules(graph, rules, report),
});
const pass = (run: (graph: Graph) => unknown): Pass => ({
  name: "my-pass",
  summary: "fails",
  role: "simplify",
  run: run as Pass["run"],
});

function refuses(made: Pass, place: string, facts: RegExp): void {
  try {
    runPasses(GRAPH, [made]);
  } catch (error) {
    assert.instance(error, CompileError, String(error));
    const { place: found, facts: said, message } = error as CompileError;
    assert.is(found, place);
    assert.match(said, facts);
    assert.not.match(message, "internal error");
    return;
  }
  assert.unreachable("it passed");
}

test("a pass that throws, or gives no graph", () => {
  refuses(
    pass(() => at([], 4)),
    "pass my-pass",
    /^throws Error: index 4 of 0$/,
  );
  refuses(
    pass(() => undefined),
    "pass my-pass",
    /^throws TypeError: it gives no graph$/,
  );
  refuses(
    pass(() => {
      throw new CompileError("neg y", "is not liked");
    }),
    "pass my-pass, neg y",
    /^is not liked$/,
  );
});

test("a pass that leaves a graph which the verifier refuses", () => {
  const nodes = [...GRAPH.nodes].reverse();
  refuses(
    pass((graph) => ({ ...graph, nodes })),
    "pass my-pass, neg y",
    /^reads a, which is not defined before it \[V2\]$/,
  );
});

/** Puts a node whose type is not its op's in the place of the site. */
function wrongType(m: Match): Replacement {
  const fresh = { name: m.site.name, type: parseType("f32[5]") };
  const node = { op: tanh, operands: m.node.operands, attrs: {}, results: [fresh] };
  return { remove: [m.node], insert: [node], values: new Map([[m.site, fresh]]) };
}

test("a rule that makes a node which the verifier refuses", () => {
  refuses(
    passOf(rule({ replace: wrongType })),
    "pass my-pass, rule mine at y, tanh y",
    /^is f32\[5\], but tanh gives f32\[4\] \[V5\]$/,
  );
});

test("a rule that breaks a node which it did not make", () => {
  const onTanh = rule({ sites: (node) => (node.op === tanh ? node.results : []), replace: wrongType });
  // Once only: the next round would look at the new tanh.
  const once = {
    ...onTanh,
    predicates: [predicate("is-f32[4]", (m) => m.site.type.shape[0] === 4 || "it is another")],
  };
  refuses(passOf(once), "pass my-pass, rule mine at a, tanh a", /^is f32\[5\]/);
  const renames = rule({
    sites: (node) => (node.op === tanh ? node.results : []),
    replace: (m) => ({
      remove: [m.node],
      insert: [],
      values: new Map([[m.site, { name: "gone", type: m.site.type }]]),
    }),
  });
  refuses(passOf(renames), "pass my-pass, rule mine at a, neg y", /^reads gone, which is not defined before it/);
});

const MEMBERS: readonly (readonly [string, Partial<Rule>, RegExp])[] = [
  ["sites that throw", { sites: () => at([], 0) }, /^its sites throws Error: index 0 of 0$/],
  [
    "a predicate that throws",
    { predicates: [predicate("bad", () => at([], 3))] },
    /^its predicate bad throws Error: index 3/,
  ],
  [
    "a predicate that answers false",
    { predicates: [predicate("bad", () => false as never)] },
    /^its predicate bad answers false$/,
  ],
  ["a replace that throws", { replace: () => at([], 1) }, /^its replace throws Error: index 1 of 0$/],
  ["a replace that gives nothing", { replace: () => undefined as never }, /^its replace throws TypeError: /],
  ["a replace that gives half of it", { replace: () => ({ remove: [] }) as never }, /a replacement is/],
];
for (const [what, members, facts] of MEMBERS)
  test(`a rule with ${what}`, () =>
    refuses(passOf(rule(members)), `pass my-pass, rule mine at ${what.startsWith("sites") ? "a" : "y"}`, facts));

test("a rule that reads what no predicate has set, or makes what does not fit", () => {
  refuses(
    passOf(rule({ replace: (m) => ({ remove: [m.producer(m.value("x"))], insert: [], values: new Map() }) })),
    "pass my-pass, rule mine at y, y",
    /^a rule reads x, which no predicate has set$/,
  );
  refuses(
    passOf(
      rule({
        replace: (m) => ({ remove: [m.producer(at(m.index.graph.inputs, 0).value)], insert: [], values: new Map() }),
      }),
    ),
    "pass my-pass, rule mine at y, y",
    /^x has no producer$/,
  );
  const emits = (m: Match) => {
    const emitter = new Emitter(m.index, m.site);
    return emitter.replace([m.node], emitter.op(concat, [...m.node.operands, 1]));
  };
  refuses(passOf(rule({ replace: emits })), "pass my-pass, rule mine at y, concat y.0", /^one part is f32\[\]/);
});

test("rules that never settle", () => {
  const swap = rule({
    sites: (node) => (node.op === add ? node.results : []),
    replace(m) {
      const emitter = new Emitter(m.index, m.site);
      return emitter.replace([m.node], emitter.op(add, m.node.operands));
    },
  });
  const graph = parseGraph("graph busy(x: f32[4]) { y = add(x, x) return y }");
  assert.throws(
    () => runPasses(graph, [passOf(swap)]),
    (e: Error) =>
      e instanceof CompileError && e.place === "pass my-pass, rules mine" && /never settle on busy/.test(e.facts),
  );
});

test("an observer's own failure is its own", () => {
  const site = () => {
    throw new RangeError("not so fast");
  };
  assert.throws(
    () => runPasses(GRAPH, [passOf(rule({ predicates: [predicate("no", () => "never")] }))], [{ site }]),
    (e: Error) => e instanceof RangeError,
  );
});

test("a bug in a rule of wgpt's own is said to be one, with pass, rule and site", () => {
  const own = ownPass({
    name: "fuse-something",
    summary: "fails",
    role: "fuse",
    run: (graph, report) => applyOwnRules(graph, [rule({ predicates: [predicate("bad", () => at([], 3))] })], report),
  });
  assert.throws(
    () => runPasses(GRAPH, [own]),
    (e: Error) =>
      !(e instanceof CompileError) &&
      e.message ===
        "internal error, please report it: pass fuse-something: Error: rule mine at y: its predicate bad throws Error: index 3 of 0",
  );
});

test.run();
