// What the command knows of memory: how much this machine has left, and how a need is told.
import { readFileSync } from "node:fs";
import { type AdapterReport, freeBytes, type MemoryNeed, type Model, printBytes, printNeed } from "../runtime/index.ts";

/**
 * The largest resident size that the process had. Linux's answer to getrusage is no less than what the parent had when it
 * started this process; its own file about the process knows better.
 */
export function peakRssBytes(): number {
  const kib = process.platform === "linux" ? /^VmHWM:\s+(\d+) kB$/m.exec(readStatus())?.[1] : undefined;
  return 1024 * (kib === undefined ? process.resourceUsage().maxRSS : Number(kib));
}

function readStatus(): string {
  try {
    return readFileSync("/proc/self/status", "utf8");
  } catch {
    return "";
  }
}

/** Who loads less need not be told. */
const WORTH_TELLING = 2 ** 30;

/** A line for stderr, or nothing for a small model. */
export function needLine(need: MemoryNeed, adapter: AdapterReport): string | undefined {
  if (need.total < WORTH_TELLING) return undefined;
  const there = adapter.software
    ? `${printBytes(freeBytes())} are free`
    : `the adapter allows buffers of ${printBytes(adapter.limits["maxBufferSize"] ?? 0)}`;
  return `[${printNeed(need)}; ${there}]`;
}

interface Loaded {
  readonly load: { readonly ms: number; readonly bytes: number };
  readonly model: Pick<Model, "bufferBytes">;
  readonly memory: MemoryNeed;
}

/** What --json says of loading. Times in milliseconds, sizes in bytes. */
export const loadStats = ({ load, model, memory }: Loaded) => ({
  load_ms: load.ms,
  load_bytes: load.bytes,
  peak_rss_bytes: peakRssBytes(),
  gpu_bytes: model.bufferBytes,
  memory: memoryJson(memory),
});

/** As --json prints it: bytes. */
export const memoryJson = (need: MemoryNeed): Readonly<Record<string, number>> => ({
  weights: need.weights,
  caches: need.caches,
  activations: need.activations,
  inputs_and_outputs: need.inputsAndOutputs,
  read_back: need.readBack,
  upload: need.upload,
  total: need.total,
});
