// How much memory a plan takes, counted from the plan alone, and whether it is there: before anything is allocated.
// WebGPU tells no memory's size, so that what may be used comes from the caller.
import { WgptError } from "../base/index.ts";
import {
  bufferBytes,
  evalPlanDim,
  type Plan,
  type PlanBuffer,
  type PlanBufferKind,
  symbolMaxima,
} from "../base/plan.ts";
import { type AdapterReport, firstLine } from "./device.ts";
import type { Problem } from "./error-scopes.ts";
import { RuntimeError } from "./errors.ts";
import { symbolTableBytes } from "./symbol-table.ts";
import { bandBytes } from "./weights/reads.ts";
import { uploadBytes } from "./weights/stream-weights.ts";

/** In bytes. */
export interface MemoryNeed {
  readonly weights: number;
  /** Keys and values of every token of the context. */
  readonly caches: number;
  readonly activations: number;
  readonly inputsAndOutputs: number;
  /** The buffer through which results come back to the host. */
  readonly readBack: number;
  /** What is on its way to the GPU, or being put into order, at most while weights are loaded; free again afterwards. */
  readonly upload: number;
  readonly total: number;
}

/** How much memory there is, in bytes. */
export interface MemoryBounds {
  readonly adapter: AdapterReport;
  /** What the host has left: a software adapter's memory is the host's. */
  readonly free?: number | undefined;
  /** What the user allows. */
  readonly limit?: number | undefined;
  /** Whether the plan is a bundle's, which only compiling it again makes smaller; not when absent. */
  readonly bundle?: boolean;
}

/** How a plan is used. */
export interface MemoryUse {
  /** How many sequences live side by side on the loaded plan; 1 when absent. */
  readonly sequences?: number;
  /** Whether another plan has uploaded all its weights already; not when absent. */
  readonly sharesWeights?: boolean;
}

/**
 * What a plan takes, in bytes; nothing is allocated for it. A second sequence costs what
 * `memoryNeed(plan, { sequences: 2 })` has more than `memoryNeed(plan)`: caches, activations, inputs, outputs and a buffer to
 * read back through, but no weights.
 */
export function memoryNeed(plan: Plan, { sequences = 1, sharesWeights = false }: MemoryUse = {}): MemoryNeed {
  const sum = (...kinds: readonly PlanBufferKind[]) =>
    plan.buffers.reduce((n, b) => (kinds.includes(b.kind) ? n + bufferBytes(b, symbolMaxima(plan)) : n), 0);
  const weights = sharesWeights ? 0 : sum("weight");
  const parts = {
    weights,
    caches: sequences * sum("state"),
    activations: sequences * sum("temporary"),
    inputsAndOutputs: sequences * sum("input", "output") + symbolTableBytes(plan),
    readBack: sequences * readBackBytes(plan),
    upload: sharesWeights ? 0 : uploadBytes(weights) + Math.max(0, ...plan.weights.map(bandBytes)),
  };
  return { ...parts, total: Object.values(parts).reduce((n, bytes) => n + bytes, 0) };
}

/** The largest output: every element takes four bytes, and results are read one after the other. */
function readBackBytes(plan: Plan): number {
  const { entries } = plan;
  const maxima = symbolMaxima(plan);
  const sizes = entries.flatMap(({ outputs, fixed }) =>
    outputs.map(({ shape }) => shape.reduce<number>((n, d) => n * evalPlanDim(d, { ...maxima, ...fixed }), 4)),
  );
  return Math.max(0, ...sizes);
}

/** The largest first. */
export function largestBuffers(plan: Plan, count: number): readonly (PlanBuffer & { readonly size: number })[] {
  return plan.buffers
    .map((b) => ({ ...b, size: bufferBytes(b, symbolMaxima(plan)) }))
    .sort((a, b) => b.size - a.size)
    .slice(0, count);
}

/** What may be changed of how a plan was compiled, so that it takes less. */
export interface PlanChange {
  readonly weights?: "f32" | "f16";
  readonly caches?: "f32" | "f16";
  readonly context?: number;
}

/**
 * Whether the memory is there. `replan` compiles the model again with a change, so that only what helps is suggested; without
 * it, what a change saves is taken from the plan's weights and caches alone.
 * @throws RuntimeError that names what is needed, what there is, and the ways out.
 */
export function checkMemory(
  plan: Plan,
  need: MemoryNeed,
  bounds: MemoryBounds,
  replan?: (change: PlanChange) => Plan,
): void {
  const { adapter } = bounds;
  const [largest] = largestBuffers(plan, 1);
  const { maxBufferSize = Number.POSITIVE_INFINITY, maxStorageBufferBindingSize = maxBufferSize } = adapter.limits;
  const most = Math.min(maxBufferSize, maxStorageBufferBindingSize);
  if (largest && largest.size > most)
    throw new RuntimeError(
      "memory",
      `buffer ${largest.name} takes ${printBytes(largest.size)}, but ${adapter.description} allows ${printBytes(most)}`,
      "the plan is for other adapters: compile it for this one",
    );
  const [available, owner] = availableBytes(bounds);
  if (need.total <= available) return;
  const ways = waysOut(plan, need, available, replan);
  const words = ways.map((way) => way.words).join("; ");
  throw new RuntimeError("memory", `${printNeed(need)}, but ${owner} ${printBytes(available)}`, {
    code: "out-of-memory",
    hint:
      words === ""
        ? "neither --dtype f16 nor a shorter --context saves enough: choose a smaller model"
        : bounds.bundle
          ? `compile the bundle again: ${words}`
          : words,
    // A bundle's options are not those of the call that loads it.
    fix: ways[0] && !bounds.bundle ? { kind: "options", add: ways[0].add } : undefined,
  });
}

/** How a message begins that tells of memory that could not be had: WebGPU's, a driver's, V8's. */
const NO_MEMORY = /out.?of.?(\w+.)?memory|allocation failed/i;

/** What an error, of a call or of the device's loss, says where it comes from missing memory. */
export function missingMemory(error: unknown): string | undefined {
  if (!(error instanceof Error) || !NO_MEMORY.test(error.message)) return undefined;
  if (!(error instanceof WgptError)) return firstLine(error.message);
  return error.code === "device-lost" ? error.facts : undefined;
}

/** The refusal of a machine that has no more memory, though nobody could tell before. `found` is how it said so. */
export function outOfMemory(place: string, plans: readonly Plan[], found: string, use: MemoryUse = {}): RuntimeError {
  const needs = plans.map((plan) => printNeed(memoryNeed(plan, use))).join(", ");
  return new RuntimeError(place, `${needs}, but there is no more memory: ${found}`, {
    code: "out-of-memory",
    hint: "close what else is on the device, or take less: a smaller model, a shorter context, weights in f16",
  });
}

/**
 * What WebGPU found wrong with calls for these plans, used so.
 * @throws RuntimeError where there is a problem; it says what the plans need where memory is missing.
 */
export function throwProblemOf(
  place: string,
  plans: readonly Plan[],
  problem: Problem | undefined,
  use?: MemoryUse,
): void {
  if (!problem) return;
  if (problem.outOfMemory) throw outOfMemory(place, plans, firstLine(problem.message), use);
  throw new RuntimeError(place, problem.message, { code: "device" });
}

/** The smallest of the bounds, and who sets it. */
function availableBytes({ adapter, free, limit, bundle }: MemoryBounds): readonly [bytes: number, owner: string] {
  const host = adapter.software && free !== undefined ? free : Number.POSITIVE_INFINITY;
  return limit !== undefined && limit <= host
    ? [limit, bundle ? "memoryLimit allows" : "--memory-limit allows"]
    : [host, "this machine, whose memory the software adapter uses, has free"];
}

interface WayOut {
  readonly words: string;
  readonly add: readonly string[];
}

/** Options that make the model fit, and with what result. */
function waysOut(
  plan: Plan,
  need: MemoryNeed,
  available: number,
  replan?: (change: PlanChange) => Plan,
): readonly WayOut[] {
  const saved = plan.weights
    .filter(({ dtype, shape }) => dtype === "f32" && shape.length > 1)
    .reduce((n, { shape }) => n + shape.reduce((product, d) => product * d, 2), 0);
  /** What the changed plan takes, as far as that fits. */
  const fitting = (expected: number, change: PlanChange): number | undefined => {
    const total = expected > available ? undefined : replan ? totalOf(replan, change) : expected;
    return total !== undefined && total <= available ? total : undefined;
  };
  const way = (options: string, result: string): WayOut => ({
    words: `${options} ${result}`,
    add: options.split(" ").filter((word) => word !== "with"),
  });
  const shorter = (total: number, change: PlanChange, options: string): readonly WayOut[] => {
    const perToken = need.caches / (plan.model?.n_ctx ?? 1);
    const context = longestContext(plan, need.caches, available - (total - need.caches));
    const fits = context > 0 && fitting(total - need.caches + context * perToken, { ...change, context }) !== undefined;
    return fits ? [way(`${options}--context ${context}`, "fits")] : [];
  };
  const asF16 = saved > 0 ? fitting(need.total - saved, { weights: "f16" }) : undefined;
  // How caches lie, only a plan that is made again can say.
  const halfCaches = replan && need.caches > 0 ? fitting(need.total - need.caches / 2, { caches: "f16" }) : undefined;
  const ways = [
    ...(asF16 === undefined ? [] : [way("--dtype f16", `needs ${printBytes(asF16)}`)]),
    ...(halfCaches === undefined ? [] : [way("--cache-dtype f16", `needs ${printBytes(halfCaches)}`)]),
    ...shorter(need.total, {}, ""),
  ];
  return ways.length > 0 || saved === 0 ? ways : shorter(need.total - saved, { weights: "f16" }, "--dtype f16 with ");
}

function totalOf(replan: (change: PlanChange) => Plan, change: PlanChange): number | undefined {
  try {
    return memoryNeed(replan(change)).total;
  } catch (error) {
    // What can't be compiled is no way out.
    if (error instanceof WgptError) return undefined;
    throw error;
  }
}

/** How many tokens' keys and values take no more than `bytes`. */
function longestContext({ model }: Plan, caches: number, bytes: number): number {
  if (!model || caches === 0) return 0;
  return Math.min(model.n_ctx, Math.max(0, Math.floor(bytes / (caches / model.n_ctx))));
}

const NAMES = {
  weights: "weights",
  caches: "caches",
  activations: "activations",
  inputsAndOutputs: "inputs and outputs",
  readBack: "read-back",
  upload: "upload",
} as const satisfies Record<Exclude<keyof MemoryNeed, "total">, string>;

/** The parts by name, in a reader's order. */
export const memoryParts = (need: MemoryNeed): readonly (readonly [name: string, bytes: number])[] =>
  (Object.keys(NAMES) as (keyof typeof NAMES)[]).map((key) => [NAMES[key], need[key]]);

/** One line: `needs 3.52 GiB: weights 2.90 GiB, caches 600.0 MiB, …`. */
export const printNeed = (need: MemoryNeed): string =>
  `needs ${printBytes(need.total)}: ${memoryParts(need)
    .map(([name, bytes]) => `${name} ${printBytes(bytes)}`)
    .join(", ")}`;

/** `2.90 GiB`, `1.2 MiB`, `13 KiB`. */
export function printBytes(bytes: number): string {
  if (bytes >= 2 ** 30) return `${(bytes / 2 ** 30).toFixed(2)} GiB`;
  if (bytes >= 2 ** 20) return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  return bytes >= 1024 ? `${Math.round(bytes / 1024)} KiB` : `${bytes} bytes`;
}
