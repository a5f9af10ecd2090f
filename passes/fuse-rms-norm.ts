import { type Attrs, at, dimEquals, isLiteral, type Value } from "../ir/index.ts";
import { add, mul, pow, reduceMean, rmsNorm, rsqrt, sqrt } from "../ir/ops/index.ts";
import { Emitter } from "./emit.ts";
import type { Pass } from "./pass.ts";
import { either, has, interior, isPrivate, literalOf, on, onWhere, overLastAxis } from "./pattern.ts";
import { applyOwnRules, type Match, predicate, type Rule } from "./rule.ts";
import { scaledRow } from "./scaled-row.ts";

/** A gain: one axis, as long as the last axis of `x`, and no part of the formula where `x` is but a row itself. */
function isGain(m: Match, v: Value): boolean {
  const x = m.value("x");
  if (isLiteral(v) || v === x || v.type.shape.length !== 1) return false;
  if (!dimEquals(at(v.type.shape, 0), x.type.shape.at(-1) ?? -1)) return false;
  return ![...interior(m.index, v, [])].some((node) => node.operands.includes(x));
}

const scaledRows: Rule = {
  name: "scaled-rows",
  summary: "x / √(mean(x²) + eps) · gain → rms_norm(x, gain)",
  sites: (node) => (node.op === rsqrt || node.op === sqrt ? node.results : []),
  predicates: [
    has("root-of-mean-square-plus-epsilon", "site.0", on(add, "power", literalOf("eps")), "add(mean square, epsilon)"),
    has(
      "mean-over-the-last-axis",
      "power",
      onWhere(reduceMean, overLastAxis, "squares"),
      "a mean over the last axis that keeps it",
    ),
    has("mean-of-squares", "squares", either(on(mul, "x", "x"), on(pow, "x", 2)), "a square"),
    predicate("scaled", (m) =>
      scaledRow(m, {
        row: "x",
        vectors: ["gain"],
        isVector: (v) => isGain(m, v),
        terms: (normalized, [gain]) => [[1, ...normalized, [gain, 1]]],
        formula: (normalized) => `${normalized}·gain`,
      }),
    ),
    isPrivate("root", ["x", "gain"]),
  ],
  replace(m) {
    const root = m.value("root");
    const attrs: Attrs = { eps: m.number("eps") };
    const emitter = new Emitter(m.index, root);
    return emitter.replace([m.producer(root)], emitter.op(rmsNorm, [m.value("x"), m.value("gain")], attrs));
  },
};

/** Recognises an RMS norm. */
export const fuseRmsNorm: Pass = {
  name: "fuse-rms-norm",
  summary: "mean square, root and gain → one rms_norm",
  role: "fuse",
  run: (graph, report) => applyOwnRules(graph, [scaledRows], report),
};
