import { DRAW_SETTINGS } from "../../base/draw.ts";
import { attr } from "../attr.ts";
import { drawFromPenalised } from "../draw-row.ts";
import { at, CompileError } from "../errors.ts";
import { defineOp } from "../op.ts";
import { canBeParted, logitsOfParts, partsOfRow, partWords } from "../sampling-parts.ts";
import { printType, tensorType } from "../type.ts";

const logits = Float64Array.from({ length: 130 }, (_, id) => Math.fround(3 * Math.sin(id * id)));

/**
 * One token id [1], drawn as `sample_token` draws it, from what `sample_token_parts` tells of the parts of a row of `width` logits: `parts`
 * u32[1, P, 68 + ⌈width/P⌉]. Penalty and suppression are in the parts. `settings` f32[5], `seed` u32[1] and `step` must be those of the
 * parts, as `sample_token` has them.
 */
export const sampleTokenFromParts = defineOp({
  name: "sample_token_from_parts",
  summary: "one token id drawn from the parts of a row of logits",
  operands: ["parts", "settings", "seed"],
  attrs: { step: attr.dim(0), width: attr.int() },
  traits: { anchor: true },
  cases: [
    {
      types: ["u32[1, 4, 101]", "f32[5]", "u32[1]"],
      attrs: { step: 3, width: 130 },
      given: { parts: [...partsOfRow(logits, 4, 0.8)], settings: [0.8, 5, 0.9, 0.01, 1.2] },
    },
    {
      types: ["u32[1, 3, 71]", "f32[5]", "u32[1]"],
      attrs: { width: 7 },
      given: { parts: [...partsOfRow(logits.slice(0, 7), 3, 0)], settings: [0, 0, 1, 0, 1] },
    },
  ],
  infer([parts, settings, seed], { width }) {
    const [rows, number, words] = parts.shape;
    const fits =
      parts.dtype === "u32" &&
      parts.shape.length === 3 &&
      rows === 1 &&
      typeof number === "number" &&
      canBeParted(width, number) &&
      words === partWords(width, number) &&
      settings.dtype === "f32" &&
      settings.shape.join() === String(DRAW_SETTINGS.length) &&
      seed.dtype === "u32" &&
      seed.shape.join() === "1";
    if (!fits)
      throw new CompileError(
        "sample_token_from_parts",
        `parts are ${printType(parts)}, settings ${printType(settings)}, the seed ${printType(seed)} and width is ${width}`,
        "they must be u32[1, P, 68 + ⌈width/P⌉], f32[5] and u32[1], of a width of 1 or more",
      );
    return tensorType("i32", [1]);
  },
  reference([parts, settings, seed], { step, width }) {
    const penalised = logitsOfParts(parts.data, at(parts.shape, 1), width);
    const token = drawFromPenalised(penalised, settings.data, at(seed.data, 0), Number(step));
    return { dtype: "i32", shape: [1], data: Float64Array.of(token) };
  },
});
