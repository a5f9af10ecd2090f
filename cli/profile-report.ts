// What `wgpt profile` makes of timed steps: for each distinct kernel its share of them, and what that is beside the prediction for the
// machine. Times are seconds.
import { unreachable } from "../base/index.ts";
import {
  type Compilation,
  type Config,
  type PredictedStep,
  type Prediction,
  predictSteps,
  type Target,
  type Toolkit,
} from "../codegen/index.ts";
import type { StepTimes, TimeSpan } from "../runtime/index.ts";
import { type Spread, spreadOf } from "./measure.ts";

/** A distinct kernel of the decode step, measured call by call. */
export interface ProfiledKernel {
  readonly kernel: string;
  /** The IR value that the first of its calls computes. */
  readonly step: string;
  readonly ops: string;
  readonly config: Config;
  /** Of one step. */
  readonly calls: number;
  /** Of a call, over all calls of all steps. */
  readonly seconds: Spread;
  /** Of the time of all kernels: the median, times the calls. */
  readonly share: number;
  /** Of a call, as the cost model counts them: what is predicted is how long they take. */
  readonly bytes: number;
  readonly multiplyAdds: number;
  readonly prediction: Prediction;
}

export interface ProfileReport {
  readonly target: Target;
  readonly dispatches: number;
  /** Tokens before the first timed step, and the timed steps. */
  readonly past: number;
  readonly steps: number;
  /** A step in one pass, as it is run otherwise. */
  readonly whole: Spread;
  /** A step that is cut into a pass for each dispatch, from the begin of the first to the end of the last. */
  readonly cut: Spread;
  /** What the passes of a step take together, without what is between them. */
  readonly passes: Spread;
  /** Of a whole step. */
  readonly predicted: number;
  /** Those that take most of the time first. */
  readonly kernels: readonly ProfiledKernel[];
}

/** A step, and the tokens before it. */
export interface TimedStep {
  readonly past: number;
  readonly times: StepTimes;
}

const secondsOf = ({ begin, end }: TimeSpan): number => Math.max(0, end - begin) / 1e9;
const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

/** What was timed of the compilation's decode steps; predictions are for the middle one. */
export function profileReport(
  { plan, entries }: Compilation,
  target: Target,
  toolkit: Toolkit,
  timed: readonly TimedStep[],
): ProfileReport {
  const compiled = entries.find((e) => e.name === "decode") ?? unreachable("a language model's plan without decode");
  const entry = plan.entries.find((e) => e.name === compiled.name) ?? unreachable("a plan without its entry point");
  const roles = entry.roles ?? unreachable("a language model's plan without roles");
  const first = timed[0] ?? unreachable("a profile of no step");
  const middle = timed[Math.floor(timed.length / 2)] ?? first;
  const lengths = { ...compiled.lengths, [roles.pastTokens]: middle.past };
  const kernels = predictSteps(plan, compiled, target, lengths, toolkit).map((p) => kernelOf(p, timed));
  const all = sum(kernels.map(({ seconds, calls }) => seconds.median * calls));
  return {
    target,
    dispatches: entry.steps.length,
    past: first.past,
    steps: timed.length,
    whole: spreadOf(timed.map(({ times }) => secondsOf(times.whole))),
    cut: spreadOf(timed.map(({ times }) => secondsOf(times.cut))),
    passes: spreadOf(timed.map(({ times }) => sum(times.steps.map((s) => (s ? secondsOf(s) : 0))))),
    predicted: sum(kernels.map(({ prediction, calls }) => prediction.seconds * calls)),
    kernels: kernels
      .map((k) => ({ ...k, share: (k.seconds.median * k.calls) / all }))
      .toSorted((a, b) => b.share - a.share),
  };
}

function kernelOf(predicted: PredictedStep, timed: readonly TimedStep[]): Omit<ProfiledKernel, "share"> {
  const { kernel, label, ops, config, places, demand, prediction } = predicted;
  const calls = timed.flatMap(({ times }) =>
    places.flatMap((place) => {
      const span = times.steps[place];
      return span ? [secondsOf(span)] : [];
    }),
  );
  return {
    kernel,
    step: label,
    ops,
    config,
    calls: places.length,
    seconds: calls.length === 0 ? { median: 0, min: 0, max: 0, runs: 0 } : spreadOf(calls),
    bytes: demand.memoryBytes,
    multiplyAdds: demand.multiplyAdds,
    prediction,
  };
}

/** What cutting a step into passes costs, of the median step. */
export const overheadOf = ({ whole, cut }: ProfileReport): number => cut.median - whole.median;

/** Undefined of what took no time that the clock tells. */
export const rateOf = (amount: number, { seconds }: ProfiledKernel): number | undefined =>
  seconds.median > 0 ? amount / seconds.median : undefined;
