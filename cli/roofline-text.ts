// The table of `wgpt roofline`: two lines a step, within 100 columns.
import { printConfig } from "../codegen/index.ts";
import { printBytes } from "../runtime/index.ts";
import { counted } from "./counted.ts";
import { digits, percent, printSeconds, rate, short } from "./figures.ts";
import { bytesPerSecond, flops, mostBound, type RooflineReport, type RooflineStep } from "./roofline-report.ts";

/** Of a terminal that tables are made for. */
export const COLUMNS_WIDTH = 100;

const COLUMNS: readonly (readonly [title: string, width: number, value: (s: RooflineStep) => string])[] = [
  ["calls", 8, (s) => String(s.calls)],
  ["a call", 11, (s) => printSeconds(s.seconds)],
  ["bound by", 12, (s) => s.bound],
  ["memory", 12, (s) => printBytes(s.bytes)],
  ["multiply-adds", 15, (s) => `${short(s.multiplyAdds)}${s.accounts ? "" : "*"}`],
  ["GB/s", 8, (s) => rate(bytesPerSecond(s) / 1e9)],
  ["GFLOP/s", 10, (s) => rate(flops(s) / 1e9)],
  ["share", 9, (s) => percent(s.share)],
];

const NOT_ACCOUNTED =
  "* its kernel does not account for its work: taken to touch each buffer once, an element at a time";

/** `gpt2 as f16, decode of 1 token after 512` */
export function titleOf(model: string, { entry, dtype, tokens, past, lengths }: RooflineReport): string {
  const at = Object.entries(lengths).map(([symbol, n]) => `${symbol} = ${n}`);
  const call =
    tokens !== undefined
      ? `${entry} of ${counted(tokens, "token")} after ${past}`
      : `${entry}${at.length > 0 ? ` at ${at.join(", ")}` : ""}`;
  return `${model} as ${dtype}, ${call}`;
}

/** `9.71 ms, 103 tokens/s; bound by memory for 97.2 %` */
export function sumOf({ seconds, tokens, steps, dispatches }: RooflineReport): string {
  const most = mostBound(steps);
  const rate = tokens === undefined ? "" : `, ${digits(tokens / seconds)} tokens/s`;
  const bound = most ? `; bound by ${most[0]} for ${percent(most[1])}` : "";
  return `${printSeconds(seconds)} for ${counted(dispatches, "dispatch", "dispatches")}${rate}${bound}`;
}

/** `memory 3350 GB/s, cache 9700 GB/s, 67.0 TFLOP/s` */
export const roofsText = ({ roofs: { memory, cache, multiplyAdds } }: RooflineReport): string =>
  [
    `memory ${short(memory)}B/s`,
    ...(cache === undefined ? [] : [`cache ${short(cache)}B/s`]),
    `multiply-adds ${short(2 * multiplyAdds)}FLOP/s`,
  ].join(", ");

export function printRoofline(model: string, report: RooflineReport): string {
  const { target, steps } = report;
  const row = (cell: (column: (typeof COLUMNS)[number]) => string) =>
    COLUMNS.map((column) => cell(column).padStart(column[1])).join("");
  const lines = steps.flatMap((s, i) => [
    ...nameLines(`${String(i + 1).padStart(2)} ${s.kernel}`, printConfig(s.config)),
    row(([, , value]) => value(s)),
  ]);
  return `${[
    `${titleOf(model, report)}: predicted for ${target.name}, not measured`,
    target.machine.summary,
    `roofs: ${roofsText(report)}`,
    row(([title]) => title),
    ...lines,
    `predicted: ${sumOf(report)}`,
    ...(steps.some((s) => !s.accounts) ? [NOT_ACCOUNTED] : []),
  ].join("\n")}\n`;
}

/** A kernel and how it is configured: on one line where both fit. */
export function nameLines(kernel: string, config: string): readonly string[] {
  if (config === "") return [kernel];
  const one = `${kernel}  ${config}`;
  return one.length <= COLUMNS_WIDTH ? [one] : [kernel, `   ${config}`];
}
