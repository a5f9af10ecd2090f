import { type Attrs, at, dimEquals, isLiteral, type Value } from "../ir/index.ts";
import { add, layerNorm, mul, neg, pow, reduceMean, rsqrt, sqrt, sub } from "../ir/ops/index.ts";
import { polynomial, printTerms, sameTerms } from "./algebra.ts";
import { Emitter } from "./emit.ts";
import type { Pass } from "./pass.ts";
import { climb, either, has, isPrivate, literalOf, on, onWhere, overLastAxis } from "./pattern.ts";
import { dependsOn } from "./region.ts";
import { applyOwnRules, type Match, predicate, type Rule } from "./rule.ts";

/** A gain or shift: one axis, as long as the last axis of `x`, and no part of the formula where `x` is but a row itself. */
const isRow = (m: Match, v: Value): boolean =>
  !isLiteral(v) &&
  v.type.shape.length === 1 &&
  dimEquals(at(v.type.shape, 0), m.value("x").type.shape.at(-1) ?? -1) &&
  !dependsOn(m.index, v, m.producer(m.value("d")));

/** Climbs from the normalised row until the value is d · rstd · gain + shift, in whatever order it is written. */
function scaledAndShifted(m: Match): true | string {
  const d = m.value("d");
  const power = m.node.op === rsqrt ? 1 : -1;
  const wanted = `${d.name}·${m.site.name}${power === 1 ? "" : "^-1"}·gain + shift`;
  let closest = `${m.site.name} is not multiplied into ${d.name}`;
  for (const root of climb(m.index, m.site)) {
    const terms = polynomial(m.index, root, (v) => v === d || v === m.site || isRow(m, v));
    if (!terms) continue;
    if (root !== m.site) closest = `${root.name} is ${printTerms(terms)}, not ${wanted}`;
    const rows = [...new Set(terms.flatMap((t) => [...t.powers.keys()]))].filter((v) => v !== d && v !== m.site);
    for (const [gain, shift] of [rows, rows.toReversed()]) {
      if (
        !gain ||
        !shift ||
        rows.length !== 2 ||
        !sameTerms(terms, [
          [1, [d, 1], [m.site, power], [gain, 1]],
          [1, [shift, 1]],
        ])
      )
        continue;
      for (const [name, v] of Object.entries({ root, gain, shift })) m.set(name, v);
      return true;
    }
  }
  return closest;
}

const normalizedRows: Rule = {
  name: "normalized-rows",
  summary: "(x − mean) / √(variance + eps) · gain + shift → layer_norm(x, gain, shift)",
  sites: (node) => (node.op === rsqrt || node.op === sqrt ? node.results : []),
  predicates: [
    has("root-of-variance-plus-epsilon", "site.0", on(add, "variance", literalOf("eps")), "add(variance, epsilon)"),
    has(
      "variance-is-a-mean-over-the-last-axis",
      "variance",
      onWhere(reduceMean, overLastAxis, "squares"),
      "a mean over the last axis that keeps it",
    ),
    has("mean-of-squares", "squares", either(on(mul, "d", "d"), on(pow, "d", 2)), "a square"),
    has("deviation", "d", either(on(sub, "x", "mean"), on(add, "x", on(neg, "mean"))), "x − mean(x)"),
    has(
      "deviation-from-the-mean-over-the-last-axis",
      "mean",
      onWhere(reduceMean, overLastAxis, "x"),
      "the mean of the same x over its last axis",
      ["x"],
    ),
    predicate("scaled-and-shifted", scaledAndShifted),
    isPrivate("root", ["x", "gain", "shift"]),
  ],
  replace(m) {
    const root = m.value("root");
    const attrs: Attrs = { eps: m.number("eps") };
    const emitter = new Emitter(m.index, root);
    return emitter.replace(
      [m.producer(root)],
      emitter.op(layerNorm, [m.value("x"), m.value("gain"), m.value("shift")], attrs),
    );
  },
};

/** Recognises a layer norm. */
export const fuseLayerNorm: Pass = {
  name: "fuse-layer-norm",
  summary: "mean, variance, normalisation, gain and shift → one layer_norm",
  role: "fuse",
  run: (graph, report) => applyOwnRules(graph, [normalizedRows], report),
};
