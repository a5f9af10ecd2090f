import { type GraphIndex, isLiteral, printType, type Value } from "../ir/index.ts";
import { CUBIC, SQRT_2_OVER_PI } from "../ir/ops/gelu.ts";
import { erf, gelu, tanh } from "../ir/ops/index.ts";
import { isArithmetic, polynomial, printTerms, sameTerms } from "./algebra.ts";
import { Emitter } from "./emit.ts";
import type { Pass } from "./pass.ts";
import { climb, describe, isPrivate } from "./pattern.ts";
import { applyOwnRules, type Match, predicate, type Rule } from "./rule.ts";

/** `v` and what it is computed from by arithmetic, nearest first: the values that may be the formula's x. */
function* beneath(index: GraphIndex, v: Value, depth = 6): Generator<Value> {
  if (!isLiteral(v)) yield v;
  const node = index.producer(v);
  if (depth > 0 && node && isArithmetic(node.op)) for (const o of node.operands) yield* beneath(index, o, depth - 1);
}

/** tanh's argument must be √(2/π)·(x + 0.044715·x³), erf's x/√2, for some x. */
function argumentFits(m: Match): true | string {
  const [argument] = m.node.operands;
  if (!argument) return `${m.site.name} has no argument`;
  let closest = `${argument.name} is ${describe(m.index, argument)}`;
  for (const x of new Set(beneath(m.index, argument))) {
    const terms = polynomial(m.index, argument, (v) => v === x);
    if (!terms) continue;
    if (terms.length > 1 || x !== argument) closest = `${argument.name} is ${printTerms(terms)}`;
    const fits =
      m.node.op === tanh
        ? sameTerms(terms, [
            [SQRT_2_OVER_PI, [x, 1]],
            [SQRT_2_OVER_PI * CUBIC, [x, 3]],
          ])
        : sameTerms(terms, [[Math.SQRT1_2, [x, 1]]]);
    if (!fits) continue;
    m.set("x", x);
    return true;
  }
  const wanted =
    m.node.op === tanh
      ? `${SQRT_2_OVER_PI.toPrecision(6)}·x + ${(SQRT_2_OVER_PI * CUBIC).toPrecision(6)}·x^3`
      : `${Math.SQRT1_2.toPrecision(6)}·x`;
  return `${closest}, not ${wanted}`;
}

/** Climbs until the value is ½x + ½x·t. */
function halfTimesOnePlus(m: Match): true | string {
  const x = m.value("x");
  let closest = `${m.site.name} is not added to 1 and multiplied by ${x.name}`;
  for (const root of climb(m.index, m.site)) {
    const terms = polynomial(m.index, root, (v) => v === x || v === m.site);
    if (!terms) continue;
    if (root !== m.site)
      closest = `${root.name} is ${printTerms(terms)}, not 0.5·${x.name} + 0.5·${x.name}·${m.site.name}`;
    if (
      !sameTerms(terms, [
        [0.5, [x, 1]],
        [0.5, [x, 1], [m.site, 1]],
      ])
    )
      continue;
    m.set("root", root);
    return true;
  }
  return closest;
}

const rule = (name: string, summary: string, op: typeof tanh, approximate: "tanh" | "none"): Rule => ({
  name,
  summary,
  sites: (node) => (node.op === op ? node.results : []),
  predicates: [
    predicate("works-in-f32", (m) => m.site.type.dtype === "f32" || `${m.site.name} is ${printType(m.site.type)}`),
    predicate("argument-is-gelu's", argumentFits),
    predicate("half-x-times-one-plus", halfTimesOnePlus),
    isPrivate("root", ["x"]),
  ],
  replace(m) {
    const root = m.value("root");
    const emitter = new Emitter(m.index, root);
    return emitter.replace([m.producer(root)], emitter.op(gelu, [m.value("x")], { approximate }));
  },
});

/** Recognises both GELUs by their polynomials. */
export const fuseGelu: Pass = {
  name: "fuse-gelu",
  summary: "½x(1 + tanh(…)) and ½x(1 + erf(x/√2)) → gelu(x)",
  role: "fuse",
  run: (graph, report) =>
    applyOwnRules(
      graph,
      [
        rule("tanh-polynomial", "½x(1 + tanh(√(2/π)(x + 0.044715x³))) → gelu(x)", tanh, "tanh"),
        rule("erf", "½x(1 + erf(x/√2)) → gelu(x, approximate=none)", erf, "none"),
      ],
      report,
    ),
};
