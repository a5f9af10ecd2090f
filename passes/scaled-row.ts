// What the recognisers of normalisations share: a row times the reciprocal of its root, scaled and shifted in any order.
import type { Value } from "../ir/index.ts";
import { rsqrt } from "../ir/ops/index.ts";
import { polynomial, printTerms, sameTerms } from "./algebra.ts";
import { climb } from "./pattern.ts";
import type { Match } from "./rule.ts";

type Factor = readonly [Value, number];
type WantedTerms = Parameters<typeof sameTerms>[1];

/** A formula of a row, its root, and vectors. */
export interface ScaledRow<V extends readonly string[]> {
  /** The captured value that the root divides. */
  readonly row: string;
  /** Under which names the vectors are captured, and the value of the formula as `root`. Two at most. */
  readonly vectors: V;
  /** What can be such a vector. */
  readonly isVector: (v: Value) => boolean;
  /** The formula's terms; `normalized` are the factors of the row divided by its root. */
  readonly terms: (normalized: readonly Factor[], vectors: { readonly [K in keyof V]: Value }) => WantedTerms;
  /** The formula for a reader, of the normalised row as it is written. */
  readonly formula: (normalized: string) => string;
}

/** Climbs from the match's site, a root or its reciprocal, until the value is the formula's, in whatever order it is written. */
export function scaledRow<const V extends readonly string[]>(
  m: Match,
  { row, vectors, isVector, terms, formula }: ScaledRow<V>,
): true | string {
  const d = m.value(row);
  const power = m.node.op === rsqrt ? 1 : -1;
  const wanted = formula(`${d.name}·${m.site.name}${power === 1 ? "" : "^-1"}`);
  let closest = `${m.site.name} is not multiplied into ${d.name}`;
  for (const root of climb(m.index, m.site)) {
    const found = polynomial(m.index, root, (v) => v === d || v === m.site || isVector(v));
    if (!found) continue;
    if (root !== m.site) closest = `${root.name} is ${printTerms(found)}, not ${wanted}`;
    const others = [...new Set(found.flatMap((t) => [...t.powers.keys()]))].filter((v) => v !== d && v !== m.site);
    if (others.length !== vectors.length) continue;
    const normalized: readonly Factor[] = [
      [d, 1],
      [m.site, power],
    ];
    const order = [others, others.toReversed()].find((vs) =>
      sameTerms(found, terms(normalized, vs as unknown as { readonly [K in keyof V]: Value })),
    );
    if (!order) continue;
    m.set("root", root);
    for (const [i, name] of vectors.entries()) m.set(name, order[i] ?? root);
    return true;
  }
  return closest;
}
