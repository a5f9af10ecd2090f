import { uniform } from "../../base/random.ts";
import { attr } from "../attr.ts";
import { at, CompileError } from "../errors.ts";
import { defineOp } from "../op.ts";
import { printType, tensorType } from "../type.ts";

/** How many words of 32 bits have a bit for each of `width` ids. */
export const suppressedWords = (width: number): number => Math.ceil(width / 32);

/**
 * One token id [1] drawn from `logits` [1, V]. `settings` f32[3] are temperature, top-k and top-p: at temperature 0 the
 * largest logit wins, the lowest id among equals; top-k 0 and top-p 1 keep every token. Top-k keeps the k largest logits,
 * top-p the fewest largest ones whose probabilities reach p (Holtzman et al., arXiv 1904.09751); equals at the border stay
 * together. The draw takes the first id at which the kept weights, in the order of ids, pass a share of their sum that
 * depends on `seed` u32[1] and the attribute `step` alone. An id whose bit is set in `suppressed` u32[⌈V/32⌉] (id i: bit i % 32
 * of word ⌊i/32⌋) counts as a logit of -Infinity, whatever its own is. Logits that are no distribution (a NaN, +Infinity, or
 * -Infinity alone) give −1.
 */
export const sampleToken = defineOp({
  name: "sample_token",
  summary: "one token id drawn from a row of logits",
  operands: ["logits", "settings", "seed", "suppressed"],
  attrs: { step: attr.dim(0) },
  traits: { anchor: true },
  cases: [
    { types: ["f32[1, 130]", "f32[3]", "u32[1]", "u32[5]"], attrs: { step: 3 } },
    { types: ["f32[1, 7]", "f32[3]", "u32[1]", "u32[1]"] },
  ],
  infer([logits, settings, seed, suppressed]) {
    const [rows, columns] = logits.shape;
    const fits =
      logits.dtype === "f32" &&
      rows === 1 &&
      typeof columns === "number" &&
      logits.shape.length === 2 &&
      settings.dtype === "f32" &&
      settings.shape.join() === "3" &&
      seed.dtype === "u32" &&
      seed.shape.join() === "1" &&
      suppressed.dtype === "u32" &&
      suppressed.shape.join() === String(suppressedWords(columns));
    if (!fits)
      throw new CompileError(
        "sample_token",
        `logits are ${printType(logits)}, settings ${printType(settings)}, the seed ${printType(seed)} and the suppressed ids ${printType(suppressed)}`,
        "they must be f32[1, V], f32[3], u32[1] and u32[⌈V/32⌉]",
      );
    return tensorType("i32", [1]);
  },
  reference([{ data: given }, settings, seed, suppressed], { step }) {
    const isSuppressed = (id: number) => ((at(suppressed.data, id >>> 5) >>> (id & 31)) & 1) === 1;
    const logits = given.map((z, id) => (isSuppressed(id) ? Number.NEGATIVE_INFINITY : z));
    const [temperature, topK, topP] = [at(settings.data, 0), at(settings.data, 1), at(settings.data, 2)];
    const best = logits.reduce((b, z, i) => (z > at(logits, b) ? i : b), 0);
    const isDistribution = Number.isFinite(at(logits, best)) && !logits.some(Number.isNaN);
    const token = !isDistribution
      ? -1
      : !(temperature > 0)
        ? best
        : draw(logits, at(logits, best), temperature, topK, topP, uniform(at(seed.data, 0), Number(step)));
    return { dtype: "i32", shape: [1], data: Float64Array.of(token) };
  },
});

function draw(
  logits: Float64Array,
  most: number,
  temperature: number,
  topK: number,
  topP: number,
  share: number,
): number {
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
  const total = logits.reduce((sum, z) => (z >= last ? sum + weight(z) : sum), 0);
  let passed = 0;
  let token = 0;
  for (const [i, z] of logits.entries()) {
    if (z < last || weight(z) === 0) continue;
    token = i;
    passed += weight(z);
    if (passed > share * total) break;
  }
  return token;
}
