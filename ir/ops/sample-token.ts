import { DRAW_SETTINGS, suppressedWords } from "../../base/draw.ts";
import { uniform } from "../../base/random.ts";
import { attr } from "../attr.ts";
import { at, CompileError } from "../errors.ts";
import { defineOp } from "../op.ts";
import { printType, tensorType } from "../type.ts";

/**
 * One token id [1] drawn from `logits` [1, V]. `settings` f32[5] are temperature, top-k, top-p, min-p and repetition penalty. The
 * penalty r comes first: of the ids that stand in `sequence` i32[N] before position `step`, a logit z > 0 becomes z / r, another
 * z · r (Keskar et al., arXiv 1909.05858; the sign as Hugging Face's transformers has it); 1 changes nothing. At temperature 0 the
 * largest logit wins, the lowest id among equals. Else the filters apply in this order: top-k keeps the k largest logits (0: all),
 * top-p the fewest largest ones whose probabilities reach p (Holtzman et al., arXiv 1904.09751; 1: all); equals at the border stay
 * together; min-p keeps those whose probability is at least that share of the largest one (Nguyen et al., arXiv 2407.01082; 0: all).
 * The draw takes the first id at which the kept weights, in the order of ids, pass a share of their sum that
 * depends on `seed` u32[1] and the attribute `step` alone. An id whose bit is set in `suppressed` u32[⌈V/32⌉] (id i: bit i % 32
 * of word ⌊i/32⌋) counts as a logit of -Infinity, whatever its own is. Logits that are no distribution (a NaN, +Infinity, or
 * -Infinity alone) give −1.
 */
export const sampleToken = defineOp({
  name: "sample_token",
  summary: "one token id drawn from a row of logits",
  operands: ["logits", "settings", "seed", "suppressed", "sequence"],
  attrs: { step: attr.dim(0) },
  traits: { anchor: true, readsBeforeResults: ["sequence"] },
  cases: [
    { types: ["f32[1, 130]", "f32[5]", "u32[1]", "u32[5]", "i32[9]"], attrs: { step: 3 } },
    { types: ["f32[1, 7]", "f32[5]", "u32[1]", "u32[1]", "i32[2]"] },
  ],
  infer([logits, settings, seed, suppressed, sequence]) {
    const [rows, columns] = logits.shape;
    const fits =
      logits.dtype === "f32" &&
      rows === 1 &&
      typeof columns === "number" &&
      logits.shape.length === 2 &&
      settings.dtype === "f32" &&
      settings.shape.join() === String(DRAW_SETTINGS.length) &&
      seed.dtype === "u32" &&
      seed.shape.join() === "1" &&
      suppressed.dtype === "u32" &&
      suppressed.shape.join() === String(suppressedWords(columns)) &&
      sequence.dtype === "i32" &&
      sequence.shape.length === 1;
    if (!fits)
      throw new CompileError(
        "sample_token",
        `logits are ${printType(logits)}, settings ${printType(settings)}, the seed ${printType(seed)}, the suppressed ids ${printType(suppressed)} and the sequence ${printType(sequence)}`,
        "they must be f32[1, V], f32[5], u32[1], u32[⌈V/32⌉] and i32[N]",
      );
    return tensorType("i32", [1]);
  },
  reference([{ data: logits }, settings, seed, suppressed, sequence], { step }) {
    const seen = sequence.data.subarray(0, Number(step));
    const row = { logits, settings: settings.data, seed: at(seed.data, 0), suppressed: suppressed.data, seen };
    return { dtype: "i32", shape: [1], data: Float64Array.of(drawFrom(row, Number(step))) };
  },
});

/** What a token is drawn from; see `sample_token`. */
export interface DrawnRow {
  readonly logits: Float64Array;
  readonly settings: Float64Array;
  readonly seed: number;
  readonly suppressed: Float64Array;
  /** The tokens before it. */
  readonly seen: Float64Array;
}

/** The token that is drawn at that step, or −1. */
export function drawFrom({ logits: given, settings, seed, suppressed, seen: before }: DrawnRow, step: number): number {
  const isSuppressed = (id: number) => ((at(suppressed, id >>> 5) >>> (id & 31)) & 1) === 1;
  const [temperature = 0, topK = 0, topP = 1, minP = 0, penalty = 1] = settings;
  const seen = new Set(before);
  const penalised = (z: number, id: number) => (!seen.has(id) || penalty === 1 ? z : z > 0 ? z / penalty : z * penalty);
  const logits = given.map((z, id) => (isSuppressed(id) ? Number.NEGATIVE_INFINITY : penalised(z, id)));
  const best = logits.reduce((b, z, i) => (z > at(logits, b) ? i : b), 0);
  const isDistribution = Number.isFinite(at(logits, best)) && !logits.some(Number.isNaN);
  if (!isDistribution) return -1;
  if (!(temperature > 0)) return best;
  return draw(logits, at(logits, best), { temperature, topK, topP, minP }, uniform(seed, step));
}

interface Filters {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
}

function draw(logits: Float64Array, most: number, filters: Filters, share: number): number {
  const { temperature, topK, topP, minP } = filters;
  const sorted = Float64Array.from(logits).sort().reverse();
  const weight = (z: number) => Math.exp((z - most) / temperature);
  const border = topK >= 1 ? (sorted[Math.min(Math.trunc(topK), sorted.length) - 1] ?? 0) : at(sorted, -1);
  const kept = sorted.filter((z) => z >= border);
  const goal = topP * kept.reduce((sum, z) => sum + weight(z), 0);
  let reached = 0;
  let last = at(kept, 0);
  for (const z of kept) {
    if (reached >= goal) break;
    reached += weight(z);
    last = z;
  }
  const isKept = (z: number) => z >= last && weight(z) >= minP && weight(z) > 0;
  const total = logits.reduce((sum, z) => (isKept(z) ? sum + weight(z) : sum), 0);
  let passed = 0;
  let token = 0;
  for (const [i, z] of logits.entries()) {
    if (!isKept(z)) continue;
    token = i;
    passed += weight(z);
    if (passed > share * total) break;
  }
  return token;
}
