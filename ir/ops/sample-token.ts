import { DRAW_SETTINGS, suppressedWords } from "../../base/draw.ts";
import { attr } from "../attr.ts";
import { drawFrom } from "../draw-row.ts";
import { at, CompileError } from "../errors.ts";
import { defineOp } from "../op.ts";
import { canBeParted } from "../sampling-parts.ts";
import { printType, tensorType } from "../type.ts";
import { sampleTokenFromParts } from "./sample-token-from-parts.ts";
import { sampleTokenParts } from "./sample-token-parts.ts";

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
  split(emit, [logits, settings, seed, suppressed, sequence], { step }, parts) {
    const width = Number(logits.type.shape[1]);
    if (!canBeParted(width, parts)) return undefined;
    const made = emit(sampleTokenParts, [logits, settings, suppressed, sequence], { step, parts });
    return emit(sampleTokenFromParts, [...made, settings, seed], { step, width });
  },
  reference([{ data: logits }, settings, seed, suppressed, sequence], { step }) {
    const seen = sequence.data.subarray(0, Number(step));
    const row = { logits, settings: settings.data, seed: at(seed.data, 0), suppressed: suppressed.data, seen };
    return { dtype: "i32", shape: [1], data: Float64Array.of(drawFrom(row, Number(step))) };
  },
});
