// The kernels and configurations that each step could be computed with, and how long each is predicted to take.
import type { Plan } from "../base/index.ts";
import {
  type CompiledEntry,
  printConfig,
  type RankedKernel,
  rankKernels,
  type Target,
  type Toolkit,
} from "../codegen/index.ts";
import { at } from "../ir/index.ts";

/** Steps with one name for a kernel have the same candidates: the first of them. */
export interface StepCandidates {
  readonly step: string;
  readonly calls: number;
  readonly kernel: string;
  /** The fastest predicted first. */
  readonly candidates: readonly RankedKernel[];
  /** Which of them the step has. */
  readonly chosen: RankedKernel | undefined;
}

/** Of every distinct step of an entry point. */
export function stepCandidates(
  { entries }: Plan,
  compiled: CompiledEntry,
  target: Target,
  toolkit: Toolkit,
): readonly StepCandidates[] {
  const steps = entries.find((e) => e.name === compiled.name)?.steps ?? [];
  const first = new Map<string, number>();
  for (const [i, { kernel }] of steps.entries()) if (!first.has(kernel)) first.set(kernel, i);
  return [...first].map(([kernel, i]) => {
    const { node, kernel: made, config } = at(compiled.computed, i);
    const candidates = rankKernels(node, target, compiled.lengths, toolkit);
    const wanted = printConfig(config);
    return {
      step: at(steps, i).label,
      calls: steps.filter((s) => s.kernel === kernel).length,
      kernel,
      candidates,
      chosen: candidates.find((c) => c.kernel === made && printConfig(c.config) === wanted),
    };
  });
}

/** What `--json` prints. */
export const candidatesJson = (all: readonly StepCandidates[], lengths: CompiledEntry["lengths"]) => ({
  lengths,
  steps: all.map(({ step, calls, kernel, candidates, chosen }) => ({
    step,
    calls,
    kernel,
    candidates: candidates.map((c) => ({
      kernel: c.kernel.name,
      config: c.config,
      chosen: c === chosen,
      predicted: c.prediction,
    })),
  })),
});

/** Candidates that are printed of each step; the others are counted. */
const MOST_PRINTED = 5;

/** A block of lines for each step, under a line that says what is reckoned. */
export function printCandidates(
  all: readonly StepCandidates[],
  target: string,
  lengths: CompiledEntry["lengths"],
): string {
  const at = Object.entries(lengths)
    .map(([symbol, n]) => `${symbol} = ${n}`)
    .join(", ");
  const head = `predicted for ${target}${at === "" ? "" : ` at ${at}`}, not measured; * is what the plan has`;
  return `${[head, ...all.map(printStep)].join("\n")}\n`;
}

function printStep({ step, calls, kernel, candidates, chosen }: StepCandidates): string {
  const first = candidates.slice(0, MOST_PRINTED);
  const shown = chosen && !first.includes(chosen) ? [...first.slice(0, -1), chosen] : first;
  const titles = shown.map((c) => [c.kernel.name, printConfig(c.config)].filter((part) => part !== "").join(" "));
  const width = Math.max(0, ...titles.map((t) => t.length));
  const lines = shown.map(({ prediction: { seconds, bound } }, i) => {
    const mark = shown[i] === chosen ? "*" : " ";
    return `  ${mark} ${titles[i]?.padEnd(width)}  ${microseconds(seconds)}  ${bound}`;
  });
  const more = candidates.length - shown.length;
  return [
    `  ${step}  ${kernel}${calls > 1 ? ` × ${calls}` : ""}`,
    ...lines,
    ...(more > 0 ? [`    and ${more} more`] : []),
  ].join("\n");
}

const microseconds = (seconds: number): string => `${(seconds * 1e6).toFixed(1).padStart(9)} µs`;
