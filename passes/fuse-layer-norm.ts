import { type Attrs, at, dimEquals, isLiteral, type Value } from "../ir/index.ts";
import { add, layerNorm, mul, neg, pow, reduceMean, rsqrt, sqrt, sub } from "../ir/ops/index.ts";
import { Emitter } from "./emit.ts";
import type { Pass } from "./pass.ts";
import { either, has, isPrivate, literalOf, on, onWhere, overLastAxis } from "./pattern.ts";
import { dependsOn } from "./region.ts";
import { applyOwnRules, type Match, predicate, type Rule } from "./rule.ts";
import { scaledRow } from "./scaled-row.ts";

/** A gain or shift: one axis, as long as the last axis of `x`, and no part of the formula where `x` is but a row itself. */
const isRow = (m: Match, v: Value): boolean =>
  !isLiteral(v) &&
  v.type.shape.length === 1 &&
  dimEquals(at(v.type.shape, 0), m.value("x").type.shape.at(-1) ?? -1) &&
  !dependsOn(m.index, v, m.producer(m.value("d")));

/** Climbs from the root until the value is d · rstd · gain + shift, in whatever order it is written. */
const scaledAndShifted = (m: Match): true | string =>
  scaledRow(m, {
    row: "d",
    vectors: ["gain", "shift"],
    isVector: (v) => isRow(m, v),
    terms: (normalized, [gain, shift]) => [
      [1, ...normalized, [gain, 1]],
      [1, [shift, 1]],
    ],
    formula: (normalized) => `${normalized}·gain + shift`,
  });

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
