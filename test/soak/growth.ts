// What a process holds, sample by sample, and how fast that grows: the slope of the straight line with the least squares, and by
// how much the least that is held rises.
import { readdirSync, readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** What is held at one moment. */
export interface Held {
  /** Resident memory, in KiB. */
  readonly rss: number;
  /** Open file descriptors. */
  readonly descriptors: number;
  readonly threads: number;
}

/**
 * KiB that a cycle may leave behind. The model's weights are 10 MiB, of which a load that is stopped has sent a part: one way in sixteen
 * that keeps them is at 600 KiB. What is left is what allocators and V8's code still take after the first cycles.
 */
export const MOST_LOAD_KIB = 128;
export const MOST_GENERATION_KIB = 64;

/** Growth a cycle: of resident memory in KiB, of descriptors, of threads. */
export type Growth = Held;

// Node has no other way to it without an argument of the command line.
setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** What this process holds when all garbage is collected; only on Linux. */
export async function heldNow(): Promise<Held> {
  // A wrapper that is collected lets go of its object of Dawn's in a later turn.
  for (let turn = 0; turn < 2; turn++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const status = readFileSync("/proc/self/status", "utf8");
  const number = (key: string): number => Number(new RegExp(`^${key}:\\s+(\\d+)`, "m").exec(status)?.[1]);
  return { rss: number("VmRSS"), descriptors: readdirSync("/proc/self/fd").length, threads: number("Threads") };
}

/** Of values at 0, 1, 2 …; NaN for fewer than two. */
export function slopeOf(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, y) => sum + y, 0) / values.length;
  let [xy, xx] = [0, 0];
  for (const [x, y] of values.entries()) {
    xy += (x - middle) * (y - mean);
    xx += (x - middle) ** 2;
  }
  return xy / xx;
}

/**
 * The least of the second half, less the least of the first, for each step from half to half. What is kept lifts every value after it,
 * the least as well; what is freed late, or by an allocator that tidies up once in a while, does not.
 */
export function riseOf(values: readonly number[]): number {
  const half = Math.floor(values.length / 2);
  return (Math.min(...values.slice(half)) - Math.min(...values.slice(0, half))) / half;
}

const ofEach = (samples: readonly Held[], of: (values: readonly number[]) => number): Growth => ({
  rss: of(samples.map(({ rss }) => rss)),
  descriptors: of(samples.map(({ descriptors }) => descriptors)),
  threads: of(samples.map(({ threads }) => threads)),
});

export const growthOf = (samples: readonly Held[]): Growth => ofEach(samples, slopeOf);

/** What {@link riseOf} says of each. */
export const floorGrowthOf = (samples: readonly Held[]): Growth => ofEach(samples, riseOf);
