// The machinery under every fusing pass: firing, refusing, and settling.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { at } from "../../ir/errors.ts";
import { add, exp, maximum, mul, neg, tanh } from "../../ir/ops/index.ts";
import { parseGraph } from "../../ir/parse.ts";
import { printGraph } from "../../ir/print.ts";
import { verify } from "../../ir/verify.ts";
import { Emitter } from "../../passes/emit.ts";
import { mergeRegion } from "../../passes/region.ts";
import { applyRules, predicate, type Rule, type SiteReport } from "../../passes/rule.ts";

const test = suite("rule");

function apply(text: string, ...rules: readonly Rule[]) {
  const reports: SiteReport[] = [];
  const graph = applyRules(parseGraph(text), rules, (r) => reports.push(r));
  verify(graph);
  return { text: printGraph(graph), reports };
}
const printed = (text: string): string => printGraph(parseGraph(text));

/** neg(neg(x)) → x. */
const doubleNegative: Rule = {
  name: "double-negative",
  summary: "neg(neg(x)) → x",
  sites: (node) => (node.op === neg ? node.results : []),
  predicates: [
    predicate("operand-is-negative", (m) => {
      const inner = m.index.producer(at(m.node.operands, 0));
      if (inner?.op !== neg) return `${at(m.node.operands, 0).name} is ${inner?.op.name ?? "an input"}`;
      m.set("x", at(inner.operands, 0));
      return true;
    }),
    predicate("operand-is-float", (m) => m.value("x").type.dtype === "f32" || "it counts"),
  ],
  replace: (m) => new Emitter(m.index, m.site).replace([m.node], m.value("x")),
};

test("fires at every site, and reports what fired before what said no to the end", () => {
  const { text, reports } = apply(
    "graph g(x: f32[4], z: f32[4]) { a = neg(x) b = neg(a) c = neg(z) d = neg(c) y = add(b, d) return y }",
    doubleNegative,
  );
  assert.snapshot(text, printed("graph g(x: f32[4], z: f32[4]) { y = add(x, z) return y }"));
  assert.equal(reports, [
    { rule: "double-negative", site: "b" },
    { rule: "double-negative", site: "d" },
  ]);
});

test("stops at the first predicate that says no, and reports its facts", () => {
  const { reports } = apply(
    "graph g(x: f32[4], i: i32[4]) { a = tanh(x) y = neg(a) j = neg(i) k = neg(j) return y, k }",
    doubleNegative,
  );
  const refusal = (site: string) => reports.find((r) => r.site === site)?.refusal;
  assert.equal(refusal("y"), { predicate: "operand-is-negative", facts: "a is tanh" });
  assert.equal(refusal("k"), { predicate: "operand-is-float", facts: "it counts" });
});

test("reports a site once that said no in one round and fired in the next", () => {
  // The inner one has to go first: until then c is neg(exp), of which the rule knows nothing.
  const expOfMaximum: Rule = {
    name: "no-exp",
    summary: "exp(x) → neg(x), for want of something better",
    sites: (node) => (node.op === exp ? node.results : []),
    predicates: [],
    replace(m) {
      const emitter = new Emitter(m.index, m.site);
      return emitter.replace([m.node], emitter.op(neg, m.node.operands));
    },
  };
  const { text, reports } = apply(
    "graph g(x: f32[4]) { a = exp(x) b = neg(a) y = tanh(b) return y }",
    doubleNegative,
    expOfMaximum,
  );
  assert.snapshot(text, printed("graph g(x: f32[4]) { y = tanh(x) return y }"));
  assert.equal(
    reports.map((r) => `${r.site} ${r.refusal?.predicate ?? "fired"}`),
    ["a fired", "b fired"],
  );
});

test("lets two matches that share a node wait for each other", () => {
  // Each takes two neighbours; three in a row can be two and one, never two overlapping pairs.
  const pairs: Rule = {
    name: "pairs",
    summary: "tanh(tanh(x)) → exp(x), for want of something better",
    sites: (node) => (node.op === tanh ? node.results : []),
    predicates: [
      predicate("operand-is-tanh", (m) => m.index.producer(at(m.node.operands, 0))?.op === tanh || "no pair"),
    ],
    replace(m) {
      const inner = m.producer(at(m.node.operands, 0));
      const emitter = new Emitter(m.index, m.site);
      return emitter.replace([inner, m.node], emitter.op(exp, inner.operands));
    },
  };
  const { text } = apply("graph g(x: f32[4]) { a = tanh(x) b = tanh(a) y = tanh(b) return y }", pairs);
  assert.snapshot(text, printed("graph g(x: f32[4]) { b = exp(x) y = tanh(b) return y }"));
});

/** Takes two nodes into one region without asking what lies between them. */
const careless: Rule = {
  name: "careless",
  summary: "fuses a tanh with the last node that reads it",
  sites: (node) => (node.op === tanh ? node.results : []),
  predicates: [],
  replace: (m) => mergeRegion(m.index, "pointwise", [m.node, at(m.index.users(m.site), -1)]),
};

test("refuses a replacement that would wait for itself, and makes the others", () => {
  const { text, reports } = apply(
    `graph g(x: f32[4], z: f32[4]) {
      a = tanh(x)
      b = neg(a)
      c = exp(a)
      y = add(b, c)
      d = tanh(z)
      e = neg(d)
      s = tanh(x)
      p = reduce_sum(s, keepdims=false)
      q = add(s, p)
      u = add(e, q)
      return y, u
    }`,
    careless,
  );
  const refused = reports.filter((r) => r.refusal).map((r) => `${r.site} ${r.refusal?.predicate}`);
  // s is read by p, which q waits for: s and q as one would wait for themselves.
  assert.equal(refused, ["s leaves-a-valid-graph"]);
  assert.match(reports.find((r) => r.site === "s")?.refusal?.facts ?? "", /computed before itself/);
  assert.equal(
    reports.filter((r) => !r.refusal).map((r) => r.site),
    ["a", "d"],
  );
  assert.match(text, "e = fused pointwise(z)");
});

test("says which rules never settle", () => {
  const swap: Rule = {
    name: "swap",
    summary: "add(a, b) → add(b, a), for ever",
    sites: (node) => (node.op === add ? node.results : []),
    predicates: [],
    replace(m) {
      const emitter = new Emitter(m.index, m.site);
      return emitter.replace([m.node], emitter.op(add, m.node.operands.toReversed()));
    },
  };
  assert.throws(
    () => apply("graph busy(x: f32[4], z: f32[4]) { y = add(x, z) return y }", swap),
    /swap never settle on busy/,
  );
});

test("says so where a rule reads what no predicate has set", () => {
  const hasty: Rule = { ...doubleNegative, predicates: [] };
  assert.throws(
    () => apply("graph g(x: f32[4]) { y = neg(x) return y }", hasty),
    /a rule reads x, which no predicate has set/,
  );
});

test("gives the graph itself back where nothing fires", () => {
  const graph = parseGraph("graph g(x: f32[4]) { y = neg(x) return y }");
  assert.is(applyRules(graph, [doubleNegative]), graph);
});

test("works with the rule of a user's: relu spelled as a select", () => {
  const relu: Rule = {
    name: "relu",
    summary: "mul(maximum(x, 0.0), 1.0) → maximum(x, 0.0)",
    sites: (node) => (node.op === mul && node.operands[1]?.literal === 1 ? node.results : []),
    predicates: [predicate("of-a-maximum", (m) => m.index.producer(at(m.node.operands, 0))?.op === maximum || "no")],
    replace(m) {
      const emitter = new Emitter(m.index, m.site);
      const inner = m.producer(at(m.node.operands, 0));
      return emitter.replace([m.node], emitter.op(maximum, inner.operands));
    },
  };
  const { text } = apply("graph g(x: f32[4]) { a = maximum(x, 0.0) y = mul(a, 1.0) return y }", relu);
  assert.snapshot(text, printed("graph g(x: f32[4]) { y = maximum(x, 0.0) return y }"));
});

test.run();
