// How a token is drawn from one row of logits, on the host: the meaning that the ops of draws share; see `sample_token`.
import { uniform } from "../base/random.ts";
import { at } from "./errors.ts";

/** What a token is drawn from; see `sample_token`. */
export interface DrawnRow {
  readonly logits: Float64Array;
  readonly settings: Float64Array;
  readonly seed: number;
  readonly suppressed: Float64Array;
  /** The tokens before it. */
  readonly seen: Float64Array;
}

/** The row's logits after the penalty, −Infinity where they are suppressed. */
export function penalisedLogits({ logits, settings, suppressed, seen: before }: Omit<DrawnRow, "seed">): Float64Array {
  const isSuppressed = (id: number) => ((at(suppressed, id >>> 5) >>> (id & 31)) & 1) === 1;
  const penalty = settings[4] ?? 1;
  const seen = new Set(before);
  const penalised = (z: number, id: number) => (!seen.has(id) || penalty === 1 ? z : z > 0 ? z / penalty : z * penalty);
  return logits.map((z, id) => (isSuppressed(id) ? Number.NEGATIVE_INFINITY : penalised(z, id)));
}

/** The token that is drawn at that step, or −1. */
export const drawFrom = (row: DrawnRow, step: number): number =>
  drawFromPenalised(penalisedLogits(row), row.settings, row.seed, step);

/** The token that is drawn from logits that have had penalty and suppression, or −1. */
export function drawFromPenalised(logits: Float64Array, settings: Float64Array, seed: number, step: number): number {
  const [temperature = 0, topK = 0, topP = 1, minP = 0] = settings;
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
