import { DRAW_SETTINGS, suppressedWords } from "../../base/draw.ts";
import { attr } from "../attr.ts";
import { penalisedLogits } from "../draw-row.ts";
import { at, CompileError } from "../errors.ts";
import { defineOp } from "../op.ts";
import { checkParted, partsOfRow, partWords } from "../sampling-parts.ts";
import { rowOf } from "../tensor.ts";
import { dimEquals, printType, tensorType } from "../type.ts";

const settings = [0, 0, 1, 0, 1, 0.8, 5, 0.9, 0.01, 1.2];

/**
 * For each row of `logits` [R, V] what `sample_token_parts` gives for one, u32[R, P, 68 + ⌈V/P⌉], with settings, suppressed ids and a
 * sequence of its own: `settings` f32[R, 5], `suppressed` u32[R, ⌈V/32⌉], `sequence` i32[R, L]. `steps` i32[R] says at which step each
 * is; a row whose step is below 0 wants nothing and gets 0 throughout.
 */
export const sampleTokensParts = defineOp({
  name: "sample_tokens_parts",
  summary: "what of each part of each row of logits a draw has to know",
  operands: ["logits", "settings", "suppressed", "sequence", "steps"],
  attrs: { parts: attr.int() },
  traits: { anchor: true },
  cases: [
    {
      types: ["f32[3, 130]", "f32[3, 5]", "u32[3, 5]", "i32[3, 9]", "i32[3]"],
      attrs: { parts: 4 },
      given: { settings: [...settings, 1, 0, 1, 0, 1], steps: [4, 9, -1] },
    },
    {
      types: ["f32[2, 7]", "f32[2, 5]", "u32[2, 1]", "i32[2, 2]", "i32[2]"],
      attrs: { parts: 5 },
      given: { settings, steps: [0, 2] },
    },
  ],
  infer([logits, given, suppressed, sequence, steps], { parts }) {
    const [rows, columns] = logits.shape;
    const fits =
      rows !== undefined &&
      logits.dtype === "f32" &&
      typeof columns === "number" &&
      logits.shape.length === 2 &&
      [given, suppressed, sequence, steps].every((t) => dimEquals(t.shape[0] ?? -1, rows)) &&
      given.dtype === "f32" &&
      given.shape.slice(1).join() === String(DRAW_SETTINGS.length) &&
      suppressed.dtype === "u32" &&
      suppressed.shape.slice(1).join() === String(suppressedWords(columns)) &&
      sequence.dtype === "i32" &&
      sequence.shape.length === 2 &&
      steps.dtype === "i32" &&
      steps.shape.length === 1;
    if (!fits)
      throw new CompileError(
        "sample_tokens_parts",
        `logits are ${printType(logits)}, settings ${printType(given)}, the suppressed ids ${printType(suppressed)}, sequences ${printType(sequence)} and steps ${printType(steps)}`,
        "they must be f32[R, V], f32[R, 5], u32[R, ⌈V/32⌉], i32[R, L] and i32[R]",
      );
    checkParted("sample_tokens_parts", columns, parts);
    return tensorType("u32", [rows, parts, partWords(columns, parts)]);
  },
  reference([logits, given, suppressed, sequence, steps], { parts }) {
    const [rows, width] = [at(logits.shape, 0), at(logits.shape, 1)];
    const words = parts * partWords(width, parts);
    const data = new Float64Array(rows * words);
    for (const [row, step] of steps.data.entries()) {
      if (step < 0) continue;
      const own = rowOf(given, row);
      const seen = rowOf(sequence, row).subarray(0, step);
      const of = { logits: rowOf(logits, row), settings: own, suppressed: rowOf(suppressed, row), seen };
      data.set(partsOfRow(penalisedLogits(of), parts, at(own, 0)), row * words);
    }
    return { dtype: "u32", shape: [rows, parts, partWords(width, parts)], data };
  },
});
