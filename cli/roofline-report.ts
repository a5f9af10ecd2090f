// What `wgpt roofline` says of an entry point on one machine: the cost model's figures of each distinct step, and what they mean for
// the whole step. Nothing here is measured.
import {
  type Bound,
  type Compilation,
  type Config,
  predictSteps,
  type Roofs,
  roofsOf,
  type Target,
  type Toolkit,
} from "../codegen/index.ts";
import { at, type SymbolValues } from "../ir/index.ts";
import { optionError, type PlanEntry } from "../runtime/index.ts";

/** A distinct step of the plan, and what is predicted of each of its calls. */
export interface RooflineStep {
  /** The IR value that the first of its calls computes. */
  readonly step: string;
  readonly kernel: string;
  readonly ops: string;
  readonly config: Config;
  readonly calls: number;
  /** Of one call, as are the next four. */
  readonly seconds: number;
  readonly bound: Bound;
  /** Of memory, each touched byte once. */
  readonly bytes: number;
  readonly multiplyAdds: number;
  /** Whether its kernel accounts for what it does; otherwise each buffer is taken to be touched once. */
  readonly accounts: boolean;
  /** Of the whole step's time that all calls take. */
  readonly share: number;
}

export interface RooflineReport {
  readonly target: Target;
  readonly entry: string;
  readonly dtype: string;
  /** What the symbols are. */
  readonly lengths: SymbolValues;
  /** New tokens of a call, and those before; absent where the plan is no language model's. */
  readonly tokens?: number;
  readonly past?: number;
  readonly dispatches: number;
  /** Those that take most of the time first. */
  readonly steps: readonly RooflineStep[];
  /** Of the whole step. */
  readonly seconds: number;
  readonly roofs: Roofs;
}

/** Bytes a second that the prediction means. */
export const bytesPerSecond = ({ bytes, seconds }: RooflineStep): number => bytes / seconds;
/** Operations a second that it means: a multiply-add is two. */
export const flops = ({ multiplyAdds, seconds }: RooflineStep): number => (2 * multiplyAdds) / seconds;
/** Operations for each byte of memory. */
export const intensity = ({ multiplyAdds, bytes }: RooflineStep): number => (2 * multiplyAdds) / bytes;

/**
 * The figures of a compilation's first entry point, with `past` tokens before; half way through the context when absent.
 * @throws RuntimeError for a past that does not fit, or of a plan that knows no tokens.
 */
export function rooflineReport(
  { plan, entries }: Compilation,
  target: Target,
  toolkit: Toolkit,
  past: number | undefined,
): RooflineReport {
  const [compiled, entry] = [at(entries, 0), at(plan.entries, 0)];
  const lengths = withPast(entry, compiled.lengths, past, plan.model?.n_ctx);
  const { roles } = entry;
  const predicted = predictSteps(plan, compiled, target, lengths, toolkit);
  const seconds = predicted.reduce((sum, { prediction, places }) => sum + prediction.seconds * places.length, 0);
  const steps = predicted.map(({ label, kernel, ops, config, places, demand, prediction, account }) => ({
    step: label,
    kernel,
    ops,
    config,
    calls: places.length,
    seconds: prediction.seconds,
    bound: prediction.bound,
    bytes: demand.memoryBytes,
    multiplyAdds: demand.multiplyAdds,
    accounts: account !== undefined,
    share: seconds > 0 ? (prediction.seconds * places.length) / seconds : 0,
  }));
  return {
    target,
    entry: entry.name,
    dtype: plan.weights.some((w) => w.dtype === "f16") ? "f16" : "f32",
    lengths,
    ...(roles && { tokens: lengths[roles.newTokens] ?? 1, past: lengths[roles.pastTokens] ?? 0 }),
    dispatches: entry.steps.length,
    steps: steps.toSorted((a, b) => b.share - a.share),
    seconds,
    roofs: roofsOf(target.machine),
  };
}

function withPast(
  { name, roles }: PlanEntry,
  typical: SymbolValues,
  past: number | undefined,
  n_ctx: number | undefined,
): SymbolValues {
  if (!roles || n_ctx === undefined) {
    if (past === undefined) return typical;
    throw optionError("--past", "is given, but graphs of a file know no tokens", "their lengths are set by --max");
  }
  const tokens = typical[roles.newTokens] ?? 1;
  const room = n_ctx - tokens;
  if (past !== undefined && past > room)
    throw optionError(
      "--past",
      `is ${past}, but ${name} appends ${tokens === 1 ? "a token" : `${tokens} tokens`}, and the context is ${n_ctx}`,
      `give ${room} or less`,
    );
  return { ...typical, [roles.pastTokens]: past ?? Math.min(typical[roles.pastTokens] ?? 0, room) };
}

/** What bounds most of the time, and the share of the time that it bounds. */
export function mostBound(steps: readonly RooflineStep[]): readonly [Bound, number] | undefined {
  const shares = new Map<Bound, number>();
  for (const { bound, share } of steps) shares.set(bound, (shares.get(bound) ?? 0) + share);
  return [...shares].toSorted(([, a], [, b]) => b - a)[0];
}

/** What `--json` prints of one machine: all figures are predictions, under that name. */
export const reportJson = ({ target, roofs, dispatches, seconds, tokens, steps, lengths }: RooflineReport): object => ({
  gpu: target.name,
  summary: target.machine.summary,
  software: target.machine.software !== undefined,
  lengths,
  dispatches,
  roofs: {
    memory_bytes_per_second: roofs.memory,
    ...(roofs.cache !== undefined && { cache_bytes_per_second: roofs.cache }),
    flops: 2 * roofs.multiplyAdds,
  },
  predicted: {
    ms: 1e3 * seconds,
    ...(tokens !== undefined && { tokens_per_second: tokens / seconds }),
    steps: steps.map((s) => ({
      step: s.step,
      kernel: s.kernel,
      ops: s.ops,
      config: s.config,
      calls: s.calls,
      accounts: s.accounts,
      microseconds: 1e6 * s.seconds,
      bound: s.bound,
      memory_bytes: s.bytes,
      multiply_adds: s.multiplyAdds,
      gigabytes_per_second: bytesPerSecond(s) / 1e9,
      gigaflops: flops(s) / 1e9,
      share: s.share,
    })),
  },
});
