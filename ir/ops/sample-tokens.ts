import { DRAW_SETTINGS, suppressedWords } from "../../base/draw.ts";
import { drawFrom } from "../draw-row.ts";
import { at, CompileError } from "../errors.ts";
import { defineOp } from "../op.ts";
import { canBeParted } from "../sampling-parts.ts";
import { rowOf } from "../tensor.ts";
import { dimEquals, printType, tensorType } from "../type.ts";
import { sampleTokensFromParts } from "./sample-tokens-from-parts.ts";
import { sampleTokensParts } from "./sample-tokens-parts.ts";

const settings = [0, 0, 1, 0, 1, 0.8, 5, 0.9, 0.01, 1.2];

/**
 * A token id for each row of `logits` [R, V], each drawn as `sample_token` draws one, with settings, seed, suppressed ids and a
 * sequence of its own: `settings` f32[R, 5], `seed` u32[R], `suppressed` u32[R, ⌈V/32⌉], `sequence` i32[R, L]. `steps` i32[R] says at
 * which step each is, and so how much of its sequence came before; a row whose step is below 0 wants none and gets −1.
 */
export const sampleTokens = defineOp({
  name: "sample_tokens",
  summary: "a token id for each row of logits, drawn with settings of its own",
  operands: ["logits", "settings", "seed", "suppressed", "sequence", "steps"],
  traits: { anchor: true },
  cases: [
    {
      types: ["f32[3, 130]", "f32[3, 5]", "u32[3]", "u32[3, 5]", "i32[3, 9]", "i32[3]"],
      given: { settings: [...settings, 1, 0, 1, 0, 1], steps: [4, 9, -1] },
    },
    {
      types: ["f32[2, 7]", "f32[2, 5]", "u32[2]", "u32[2, 1]", "i32[2, 2]", "i32[2]"],
      given: { settings, steps: [0, 2] },
    },
  ],
  infer([logits, settings, seed, suppressed, sequence, steps]) {
    const [rows, columns] = logits.shape;
    const fits =
      rows !== undefined &&
      logits.dtype === "f32" &&
      typeof columns === "number" &&
      logits.shape.length === 2 &&
      [settings, seed, suppressed, sequence, steps].every((t) => dimEquals(t.shape[0] ?? -1, rows)) &&
      settings.dtype === "f32" &&
      settings.shape.slice(1).join() === String(DRAW_SETTINGS.length) &&
      seed.dtype === "u32" &&
      seed.shape.length === 1 &&
      suppressed.dtype === "u32" &&
      suppressed.shape.slice(1).join() === String(suppressedWords(columns)) &&
      sequence.dtype === "i32" &&
      sequence.shape.length === 2 &&
      steps.dtype === "i32" &&
      steps.shape.length === 1;
    if (!fits)
      throw new CompileError(
        "sample_tokens",
        `logits are ${printType(logits)}, settings ${printType(settings)}, seeds ${printType(seed)}, the suppressed ids ${printType(suppressed)}, sequences ${printType(sequence)} and steps ${printType(steps)}`,
        "they must be f32[R, V], f32[R, 5], u32[R], u32[R, ⌈V/32⌉], i32[R, L] and i32[R]",
      );
    return tensorType("i32", [rows]);
  },
  split(emit, [logits, settings, seed, suppressed, sequence, steps], _attrs, parts) {
    const width = Number(logits.type.shape[1]);
    if (!canBeParted(width, parts)) return undefined;
    const made = emit(sampleTokensParts, [logits, settings, suppressed, sequence, steps], { parts });
    return emit(sampleTokensFromParts, [...made, settings, seed, steps], { width });
  },
  reference([logits, settings, seed, suppressed, sequence, steps]) {
    const data = Float64Array.from(steps.data, (step, row) =>
      step < 0
        ? -1
        : drawFrom(
            {
              logits: rowOf(logits, row),
              settings: rowOf(settings, row),
              seed: at(seed.data, row),
              suppressed: rowOf(suppressed, row),
              seen: rowOf(sequence, row).subarray(0, step),
            },
            step,
          ),
    );
    return { dtype: "i32", shape: [data.length], data };
  },
});
