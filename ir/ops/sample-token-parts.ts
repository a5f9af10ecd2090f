import { DRAW_SETTINGS, suppressedWords } from "../../base/draw.ts";
import { attr } from "../attr.ts";
import { penalisedLogits } from "../draw-row.ts";
import { at, CompileError } from "../errors.ts";
import { defineOp } from "../op.ts";
import { checkParted, partsOfRow, partWords } from "../sampling-parts.ts";
import { printType, tensorType } from "../type.ts";

/**
 * What `sample_token_from_parts` draws a token from: the logits [1, V] in `parts` = P parts of S = ⌈V/P⌉ neighbouring ids, u32[1, P, 68 + S].
 * Part p has the ids from p·S on, up to (p + 1)·S and V. Each id has a key: the bits of its logit after penalty and suppression, which
 * are as in `sample_token`, in an order of integers: larger numbers have larger keys, −0 that of 0; −Infinity has 0x007fffff, Infinity
 * 0xff800000, and NaNs have keys that are not between these. The words of a part are:
 *
 * - 0 and 1: its largest and its least key; 0 and 2³² − 1 where it has no id;
 * - 2: the first of its ids that has the largest key; 2³² − 1 where it has none;
 * - 3: the sum of its weights, the bits of an f32. The weight of an id is e^((z − m)/temperature), where z is its logit and m the
 *   part's largest;
 * - 4 to 35: how many of its ids each bucket has. An id's bucket is ⌊2m⌋ − ⌊2z⌋, but 31 where that is more: half nats from the largest
 *   down, the last for all below; where m or z is beyond ±2²², it counts as that;
 * - 36 to 67: the sums of the weights of each bucket, the bits of f32;
 * - 68 on: the keys, in the order of ids; 0 behind the last one.
 *
 * Where z or m is not finite, and at temperature 0, there are neither weights nor counts: words 3 to 67 are 0.
 */
export const sampleTokenParts = defineOp({
  name: "sample_token_parts",
  summary: "what of each part of a row of logits a draw has to know",
  operands: ["logits", "settings", "suppressed", "sequence"],
  attrs: { step: attr.dim(0), parts: attr.int() },
  traits: { anchor: true },
  cases: [
    {
      types: ["f32[1, 130]", "f32[5]", "u32[5]", "i32[9]"],
      attrs: { step: 3, parts: 4 },
      given: { settings: [0.8, 5, 0.9, 0.01, 1.2] },
    },
    {
      types: ["f32[1, 7]", "f32[5]", "u32[1]", "i32[2]"],
      attrs: { parts: 5 },
      given: { settings: [0, 0, 1, 0, 1] },
    },
  ],
  infer([logits, settings, suppressed, sequence], { parts }) {
    const [rows, columns] = logits.shape;
    const fits =
      logits.dtype === "f32" &&
      rows === 1 &&
      typeof columns === "number" &&
      logits.shape.length === 2 &&
      settings.dtype === "f32" &&
      settings.shape.join() === String(DRAW_SETTINGS.length) &&
      suppressed.dtype === "u32" &&
      suppressed.shape.join() === String(suppressedWords(columns)) &&
      sequence.dtype === "i32" &&
      sequence.shape.length === 1;
    if (!fits)
      throw new CompileError(
        "sample_token_parts",
        `logits are ${printType(logits)}, settings ${printType(settings)}, the suppressed ids ${printType(suppressed)} and the sequence ${printType(sequence)}`,
        "they must be f32[1, V], f32[5], u32[⌈V/32⌉] and i32[N]",
      );
    checkParted("sample_token_parts", columns, parts);
    return tensorType("u32", [1, parts, partWords(columns, parts)]);
  },
  reference([{ data: logits }, { data: settings }, suppressed, sequence], { step, parts }) {
    const seen = sequence.data.subarray(0, Number(step));
    const penalised = penalisedLogits({ logits, settings, suppressed: suppressed.data, seen });
    const data = partsOfRow(penalised, parts, at(settings, 0));
    return { dtype: "u32", shape: [1, parts, partWords(logits.length, parts)], data };
  },
});
