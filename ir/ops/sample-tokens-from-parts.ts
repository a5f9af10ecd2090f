import { DRAW_SETTINGS } from "../../base/draw.ts";
import { attr } from "../attr.ts";
import { drawFromPenalised } from "../draw-row.ts";
import { at, CompileError } from "../errors.ts";
import { defineOp } from "../op.ts";
import { canBeParted, logitsOfParts, partsOfRow, partWords } from "../sampling-parts.ts";
import { rowOf } from "../tensor.ts";
import { dimEquals, printType, tensorType } from "../type.ts";

const row = (width: number, salt: number) =>
  Float64Array.from({ length: width }, (_, id) => Math.fround(3 * Math.sin(id * id + salt)));

/**
 * A token id for each row, drawn as `sample_token_from_parts` draws one: `parts` u32[R, P, 68 + ⌈width/P⌉] are what `sample_tokens_parts`
 * gives, `settings` f32[R, 5], `seed` u32[R] and `steps` i32[R] those of `sample_tokens`. A row whose step is below 0 gets −1.
 */
export const sampleTokensFromParts = defineOp({
  name: "sample_tokens_from_parts",
  summary: "a token id for each row of logits, drawn from its parts",
  operands: ["parts", "settings", "seed", "steps"],
  attrs: { width: attr.int() },
  traits: { anchor: true },
  cases: [
    {
      types: ["u32[3, 4, 101]", "f32[3, 5]", "u32[3]", "i32[3]"],
      attrs: { width: 130 },
      given: {
        parts: [0, 0.8, 1].flatMap((temperature, salt) => [...partsOfRow(row(130, salt), 4, temperature)]),
        settings: [0, 0, 1, 0, 1, 0.8, 5, 0.9, 0.01, 1.2, 1, 0, 1, 0, 1],
        steps: [4, 9, -1],
      },
    },
    {
      types: ["u32[2, 3, 71]", "f32[2, 5]", "u32[2]", "i32[2]"],
      attrs: { width: 7 },
      given: {
        parts: [1, 2].flatMap((temperature) => [...partsOfRow(row(7, temperature), 3, temperature)]),
        settings: [1, 0, 1, 0, 1, 2, 0, 1, 0.5, 1],
        steps: [0, 2],
      },
    },
  ],
  infer([parts, settings, seed, steps], { width }) {
    const [rows, number, words] = parts.shape;
    const fits =
      parts.dtype === "u32" &&
      parts.shape.length === 3 &&
      rows !== undefined &&
      typeof number === "number" &&
      canBeParted(width, number) &&
      words === partWords(width, number) &&
      [settings, seed, steps].every((t) => dimEquals(t.shape[0] ?? -1, rows)) &&
      settings.dtype === "f32" &&
      settings.shape.slice(1).join() === String(DRAW_SETTINGS.length) &&
      seed.dtype === "u32" &&
      seed.shape.length === 1 &&
      steps.dtype === "i32" &&
      steps.shape.length === 1;
    if (!fits)
      throw new CompileError(
        "sample_tokens_from_parts",
        `parts are ${printType(parts)}, settings ${printType(settings)}, seeds ${printType(seed)}, steps ${printType(steps)} and width is ${width}`,
        "they must be u32[R, P, 68 + ⌈width/P⌉], f32[R, 5], u32[R] and i32[R], of a width of 1 or more",
      );
    return tensorType("i32", [rows]);
  },
  reference([parts, settings, seed, steps], { width }) {
    const number = at(parts.shape, 1);
    const data = Float64Array.from(steps.data, (step, r) =>
      step < 0
        ? -1
        : drawFromPenalised(logitsOfParts(rowOf(parts, r), number, width), rowOf(settings, r), at(seed.data, r), step),
    );
    return { dtype: "i32", shape: [data.length], data };
  },
});
