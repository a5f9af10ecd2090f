// The table of `wgpt profile`, within 100 columns, and its JSON.
import { printConfig } from "../codegen/index.ts";
import { counted } from "./counted.ts";
import { digits, percent, printSeconds, rate, wrapped } from "./figures.ts";
import { printSpread, type Spread, scaled } from "./measure.ts";
import { overheadOf, type ProfiledKernel, type ProfileReport, rateOf } from "./profile-report.ts";
import { COLUMNS_WIDTH, nameLines } from "./roofline-text.ts";

const COLUMNS: readonly (readonly [title: string, width: number, value: (k: ProfiledKernel) => string])[] = [
  ["calls", 8, (k) => String(k.calls)],
  ["a call", 10, (k) => printSeconds(k.seconds.median)],
  ["least to most", 21, ({ seconds: { min, max } }) => `${printSeconds(min)} to ${printSeconds(max)}`],
  ["GB/s", 8, (k) => billions(k.bytes, k)],
  ["GFLOP/s", 9, (k) => billions(2 * k.multiplyAdds, k)],
  ["share", 9, (k) => percent(k.share)],
  ["predicted", 11, (k) => printSeconds(k.prediction.seconds)],
  ["of predicted", 14, (k) => ofPredicted(k.seconds.median, k.prediction.seconds)],
];

const billions = (amount: number, kernel: ProfiledKernel): string => {
  const found = rateOf(amount, kernel);
  return found === undefined ? "-" : rate(found / 1e9);
};

/** `104 %` */
const ofPredicted = (measured: number, predicted: number): string =>
  predicted > 0 ? `${Math.round((100 * measured) / predicted)} %` : "-";

/** A report as text, under a line that says of what it is. */
export function printProfile(title: string, report: ProfileReport): string {
  const { whole, cut, passes, predicted, target, dispatches, kernels, past, steps } = report;
  const row = (cell: (column: (typeof COLUMNS)[number]) => string) =>
    COLUMNS.map((column) => cell(column).padStart(column[1])).join("");
  const overhead = overheadOf(report);
  const ms = (spread: Spread) => printSpread(scaled(spread, 1e3), "ms");
  const facts: readonly (readonly [string, string])[] = [
    ["measured", `${counted(steps, "decode step")} after ${counted(past, "token")}, each in two ways`],
    ["whole step", `${ms(whole)}: in one pass, as it is run otherwise; ${digits(1 / whole.median)} tokens/s`],
    ["cut step", `${ms(cut)}: in a pass for each of its ${counted(dispatches, "dispatch", "dispatches")}`],
    [
      "cutting costs",
      `${printSeconds(overhead)} or ${percent(overhead / whole.median)} of the whole step, ${printSeconds(overhead / dispatches)} a pass`,
    ],
    ["kernels", `${ms(passes)}: the passes, without what is between them`],
    [
      "predicted",
      `${printSeconds(predicted)} for ${target.name}: the whole step is ${ofPredicted(whole.median, predicted)} of that`,
    ],
  ];
  return `${[
    title,
    ...facts.map(([name, text]) => `  ${name.padEnd(15)}${text}`),
    row(([name]) => name),
    ...kernels.flatMap((k, i) => [
      ...nameLines(`${String(i + 1).padStart(2)} ${k.kernel}`, printConfig(k.config)),
      ...wrapped(k.ops.split(/(?<= \+) /), "   ", COLUMNS_WIDTH),
      row(([, , value]) => value(k)),
    ]),
    "a call: the median of all calls of all steps; share: of the time of all kernels; GB/s, GFLOP/s:",
    "of what the cost model counts; of predicted: what was measured, in percent of what was predicted",
  ].join("\n")}\n`;
}

const microseconds = (spread: Spread): Spread => scaled(spread, 1e6);

/** The figures of a report, under the names that programs know. */
export const profileJson = (report: ProfileReport): object => ({
  past_tokens: report.past,
  steps: report.steps,
  dispatches: report.dispatches,
  whole_step_ms: scaled(report.whole, 1e3),
  cut_step_ms: scaled(report.cut, 1e3),
  kernels_ms: scaled(report.passes, 1e3),
  cutting_costs_ms: 1e3 * overheadOf(report),
  cutting_costs_share: overheadOf(report) / report.whole.median,
  predicted: { gpu: report.target.name, ms: 1e3 * report.predicted },
  kernels: report.kernels.map((k) => ({
    kernel: k.kernel,
    step: k.step,
    ops: k.ops,
    config: k.config,
    calls: k.calls,
    microseconds: microseconds(k.seconds),
    share: k.share,
    memory_bytes: k.bytes,
    multiply_adds: k.multiplyAdds,
    gigabytes_per_second: perSecond(k.bytes, k),
    gigaflops: perSecond(2 * k.multiplyAdds, k),
    predicted: { microseconds: 1e6 * k.prediction.seconds, bound: k.prediction.bound },
    percent_of_predicted: (100 * k.seconds.median) / k.prediction.seconds,
  })),
});

/** In billions; null of what took no time that the clock tells. */
function perSecond(amount: number, kernel: ProfiledKernel): number | null {
  const found = rateOf(amount, kernel);
  return found === undefined ? null : found / 1e9;
}
