// Rows of logits at which a draw could go wrong, with the settings that make them do so, for tests of kernels that draw.
import { suppressedWords } from "../../base/draw.ts";
import { at } from "../../ir/errors.ts";
import { type HostTensor, hostTensor } from "../../ir/tensor.ts";
import { type Settings, settingsData } from "./sample-token.ts";

/** A row, and how it is drawn. */
export interface HostileRow {
  readonly name: string;
  readonly logits: readonly number[];
  readonly settings: Settings;
  readonly seed: number;
  /** Below 0 where nothing is drawn. */
  readonly step: number;
}

const SETTINGS: readonly Settings[] = [
  { temperature: 0 },
  { temperature: 1 },
  { temperature: 1e-3 },
  { temperature: 100 },
  { temperature: 0.7, topK: 1 },
  { temperature: 0.7, topK: 5 },
  { temperature: 100, topK: 6 },
  { temperature: 1.5, topP: 0.9 },
  { temperature: 100, topP: 0.5 },
  { temperature: 1e-3, topP: 0.999999 },
  { temperature: 0.8, topK: 40, topP: 0.95 },
  { temperature: 100, topK: 90, topP: 0.7 },
  { temperature: 1, topK: 100_000, topP: 1e-6 },
  { temperature: 1.3, minP: 0.05 },
  { temperature: 0.9, topK: 30, topP: 0.97, minP: 0.2 },
  { temperature: 1, minP: 1 },
];

const none = Number.NEGATIVE_INFINITY;
const noise = (i: number, salt: number): number => Math.fround(Math.sin(12.9898 * i + 78.233 * salt) * 43758.5453) % 1;

/** By name, logits of `width` ids. Where a row has an id of its own, it is in the second half, and so in another part than the first. */
const ROWS: Readonly<Record<string, (width: number, salt: number) => number[]>> = {
  "all equal": (width) => new Array<number>(width).fill(-0.3),
  "eighths, with equals": (width, salt) => fill(width, (i) => Math.round(48 * noise(i, salt) ** 3) / 8),
  "as of a language model": (width, salt) => fill(width, (i) => -33 - 30 * Math.sqrt(Math.abs(noise(i, salt)))),
  "one huge": (width, salt) =>
    put(
      fill(width, (i) => noise(i, salt)),
      1e30,
    ),
  "the largest f32": (width, salt) =>
    put(
      fill(width, (i) => 3e38 * noise(i, salt)),
      3.4028234663852886e38,
    ),
  "ties of three, and of twenty at the border": (width, salt) =>
    fill(width, (i) =>
      i % Math.max(1, Math.floor(width / 3)) === 0
        ? 5
        : i % Math.max(1, Math.floor(width / 20)) === 1
          ? 4.5
          : noise(i, salt),
    ),
  "neighbours of f32": (width, salt) => fill(width, (i) => 20 + Math.floor(9 * Math.abs(noise(i, salt))) * 2 ** -19),
  "zeros of both signs": (width) => fill(width, (i) => (i % 3 === 0 ? -0 : i % 3 === 1 ? 0 : -1)),
  "far apart": (width, salt) => fill(width, (i) => 10 ** (15 + 15 * noise(i, salt)) * (i % 2 === 0 ? 1 : -1)),
  "mostly -Infinity": (width, salt) => fill(width, (i) => (i % 5 === 4 || i === width - 1 ? noise(i, salt) : none)),
  "all -Infinity": (width) => new Array<number>(width).fill(none),
  "a NaN": (width, salt) =>
    put(
      fill(width, (i) => noise(i, salt)),
      Number.NaN,
    ),
  "an Infinity": (width, salt) =>
    put(
      fill(width, (i) => noise(i, salt)),
      Number.POSITIVE_INFINITY,
    ),
};

const fill = (width: number, of: (i: number) => number): number[] =>
  Array.from({ length: width }, (_, i) => Math.fround(of(i)));
const put = (row: number[], z: number): number[] => row.with(Math.floor((2 * row.length) / 3), z);

/** Every kind of row with every setting: plain, then with its likeliest ids suppressed, and then with them penalised. */
export function hostileRows(width: number): readonly HostileRow[] {
  const rows: HostileRow[] = [];
  for (const [name, make] of Object.entries(ROWS))
    for (const [salt, settings] of SETTINGS.entries()) {
      const logits = make(width, salt);
      const ids = logits.map((_, id) => id).sort((a, b) => at(logits, b) - at(logits, a) || a - b);
      const likeliest = ids.slice(0, 3);
      // Sequences hold four tokens, of which as many count as the step says.
      const variants: readonly (readonly [string, Settings, number])[] = [
        ["", settings, salt % 5],
        [", not drawn", settings, -1],
        [", suppressed", { ...settings, suppressed: likeliest }, 0],
        [", penalised", { ...settings, repetitionPenalty: 1.7, sequence: [...likeliest, at(ids, -1)] }, 3],
      ];
      for (const [variant, own, step] of variants)
        rows.push({
          name: `${name}${variant}: ${JSON.stringify(own)} at ${step}`,
          logits,
          settings: own,
          seed: 17 * rows.length,
          step,
        });
    }
  return rows;
}

const SEQUENCE = 4;

/** Types of the operands of `sample_tokens`. */
export const rowsTypes = (rows: number, width: number): readonly string[] => [
  `f32[${rows}, ${width}]`,
  `f32[${rows}, 5]`,
  `u32[${rows}]`,
  `u32[${rows}, ${suppressedWords(width)}]`,
  `i32[${rows}, ${SEQUENCE}]`,
  `i32[${rows}]`,
];

/** The operands of `sample_tokens`. */
export function rowsOperands(rows: readonly HostileRow[]): readonly HostTensor[] {
  const width = at(rows, 0).logits.length;
  const words = suppressedWords(width);
  const bits = rows.map(({ settings }) => {
    const own = new Uint32Array(words);
    for (const id of settings.suppressed ?? []) own[id >>> 5] = at(own, id >>> 5) | (1 << (id & 31));
    return own;
  });
  const flat = (of: (row: HostileRow) => readonly number[]) => rows.flatMap(of);
  return [
    hostTensor(
      "f32",
      [rows.length, width],
      flat((r) => r.logits),
    ),
    hostTensor("f32", [rows.length, 5], Float32Array.from(flat((r) => settingsData(r.settings)))),
    hostTensor(
      "u32",
      [rows.length],
      flat((r) => [r.seed]),
    ),
    hostTensor(
      "u32",
      [rows.length, words],
      bits.flatMap((own) => [...own]),
    ),
    hostTensor(
      "i32",
      [rows.length, SEQUENCE],
      flat((r) => Array.from({ length: SEQUENCE }, (_, i) => r.settings.sequence?.[i] ?? 0)),
    ),
    hostTensor(
      "i32",
      [rows.length],
      flat((r) => [r.step]),
    ),
  ];
}
