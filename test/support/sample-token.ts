// Draws by the op's reference, and the settings that its tests try.

import { suppressedWords } from "../../base/draw.ts";
import { at } from "../../ir/errors.ts";
import { sampleToken } from "../../ir/ops/index.ts";
import { type HostTensor, hostTensor } from "../../ir/tensor.ts";
import { runOp } from "./run-op.ts";

export interface Settings {
  readonly temperature: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly repetitionPenalty?: number;
  /** The tokens before the one that is drawn; `step` of them count. */
  readonly sequence?: readonly number[];
  /** Ids that are not to be drawn. */
  readonly suppressed?: readonly number[];
}

/** What `settings` hold. */
export const settingsData = (settings: Settings): readonly number[] => {
  const { temperature, topK = 0, topP = 1, minP = 0, repetitionPenalty = 1 } = settings;
  return [temperature, topK, topP, minP, repetitionPenalty];
};

/** How many tokens the sequences of the tests hold. */
export const SEQUENCE = 12;

/** The operands' types for a row of `width` logits. */
export const operandTypes = (width: number): readonly string[] => [
  `f32[1, ${width}]`,
  "f32[5]",
  "u32[1]",
  `u32[${suppressedWords(width)}]`,
  `i32[${SEQUENCE}]`,
];

export function operandsOf(logits: ArrayLike<number>, settings: Settings, seed: number): readonly HostTensor[] {
  const words = new Uint32Array(suppressedWords(logits.length));
  for (const id of settings.suppressed ?? []) words[id >>> 5] = at(words, id >>> 5) | (1 << (id & 31));
  return [
    hostTensor("f32", [1, logits.length], Array.from(logits)),
    hostTensor("f32", [5], settingsData(settings)),
    hostTensor("u32", [1], [seed]),
    hostTensor("u32", [words.length], Array.from(words)),
    hostTensor(
      "i32",
      [SEQUENCE],
      Array.from({ length: SEQUENCE }, (_, i) => settings.sequence?.[i] ?? 0),
    ),
  ];
}

export function drawByReference(logits: ArrayLike<number>, settings: Settings, seed: number, step = 0): number {
  const { results } = runOp(sampleToken, operandTypes(logits.length), { step }, operandsOf(logits, settings, seed));
  return at(at(results, 0).data, 0);
}
