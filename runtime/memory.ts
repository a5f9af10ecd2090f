// How much memory a plan takes, counted from the plan alone, and whether it is there: before anything is allocated.
// WebGPU tells no memory's size, so that what may be used comes from the caller.
import type { AdapterReport } from "./device.ts";
import { RuntimeError } from "./errors.ts";
import { bufferBytes, evalPlanDim, type Plan, type PlanBuffer, type PlanBufferKind } from "./plan.ts";
import { symbolTableBytes } from "./symbol-table.ts";
import { uploadBytes } from "./weights/upload.ts";

/** In bytes. */
export interface MemoryNeed {
  readonly weights: number;
  /** Keys and values of every token of the context. */
  readonly caches: number;
  readonly activations: number;
  readonly inputsAndOutputs: number;
  /** The buffer through which results come back to the host. */
  readonly readBack: number;
  /** What is on its way to the GPU at most while weights are loaded; free again afterwards. */
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
}

/** What a plan takes, in bytes; nothing is allocated for it. */
export function memoryNeed(plan: Plan): MemoryNeed {
  const sum = (...kinds: readonly PlanBufferKind[]) =>
    plan.buffers.reduce((n, b) => (kinds.includes(b.kind) ? n + bufferBytes(b, plan.maxima) : n), 0);
  const parts = {
    weights: sum("weight"),
    caches: sum("state"),
    activations: sum("temporary"),
    inputsAndOutputs: sum("input", "output") + symbolTableBytes(plan),
    readBack: readBackBytes(plan),
    upload: uploadBytes(sum("weight")),
  };
  return { ...parts, total: Object.values(parts).reduce((n, bytes) => n + bytes, 0) };
}

/** The largest output: every element takes four bytes, and results are read one after the other. */
function readBackBytes({ entries, maxima }: Plan): number {
  const sizes = entries.flatMap(({ outputs, fixed }) =>
    outputs.map(({ shape }) => shape.reduce<number>((n, d) => n * evalPlanDim(d, { ...maxima, ...fixed }), 4)),
  );
  return Math.max(0, ...sizes);
}

/** The largest first. */
export function largestBuffers(plan: Plan, count: number): readonly (PlanBuffer & { readonly size: number })[] {
  return plan.buffers
    .map((b) => ({ ...b, size: bufferBytes(b, plan.maxima) }))
    .sort((a, b) => b.size - a.size)
    .slice(0, count);
}

/**
 * Whether the memory is there.
 * @throws RuntimeError that names what is needed, what there is, and the ways out.
 */
export function checkMemory(plan: Plan, need: MemoryNeed, bounds: MemoryBounds): void {
  const { adapter } = bounds;
  const [largest] = largestBuffers(plan, 1);
  const { maxBufferSize = Number.POSITIVE_INFINITY, maxStorageBufferBindingSize = maxBufferSize } = adapter.limits;
  const most = Math.min(maxBufferSize, maxStorageBufferBindingSize);
  if (largest && largest.size > most)
    throw new RuntimeError(
      "memory",
      `buffer ${largest.name} takes ${printBytes(largest.size)}, but ${adapter.description} allows ${printBytes(most)}`,
      "a smaller --context, or --dtype f16, makes it smaller; or compile for this adapter",
    );
  const [available, owner] = availableBytes(bounds);
  if (need.total > available)
    throw new RuntimeError(
      "memory",
      `${printNeed(need)}, but ${owner} ${printBytes(available)}`,
      waysOut(plan, need, available).join("; "),
    );
}

/** The smallest of the bounds, and who sets it. */
function availableBytes({ adapter, free, limit }: MemoryBounds): readonly [bytes: number, owner: string] {
  const host = adapter.software && free !== undefined ? free : Number.POSITIVE_INFINITY;
  return limit !== undefined && limit <= host
    ? [limit, "--memory-limit allows"]
    : [host, "this machine, whose memory the software adapter uses, has free"];
}

/** Options that make the model fit, and with what result. */
function waysOut(plan: Plan, need: MemoryNeed, available: number): readonly string[] {
  const saved = plan.weights
    .filter(({ dtype, shape }) => dtype === "f32" && shape.length > 1)
    .reduce((n, { shape }) => n + shape.reduce((product, d) => product * d, 2), 0);
  const context = (total: number) => longestContext(plan, need.caches, available - (total - need.caches));
  const [asItIs, asF16] = [context(need.total), context(need.total - saved)];
  const ways: string[] = [];
  if (saved > 0 && need.total - saved <= available) ways.push(`--dtype f16 needs ${printBytes(need.total - saved)}`);
  if (asItIs > 0) ways.push(`--context ${asItIs} fits`);
  if (ways.length === 0 && saved > 0 && asF16 > 0) ways.push(`--dtype f16 with --context ${asF16} fits`);
  if (ways.length === 0) ways.push("neither --dtype f16 nor a shorter --context saves enough: choose a smaller model");
  return ways;
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
