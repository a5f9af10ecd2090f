// Readers of single files on input made wrong: each case ends in what was read or in a refusal of one line, and in time.
import { WgptError } from "../../base/index.ts";
import { type Random, seededRandom } from "./mutate.ts";
import { fuzzPlan, fuzzWeights } from "./reader-bundle.ts";
import { fuzzConfig } from "./reader-config.ts";
import { fuzzGraph } from "./reader-graph.ts";
import { fuzzHeader } from "./reader-header.ts";
import { fuzzIndex } from "./reader-index.ts";
import { fuzzTokenizer } from "./reader-tokenizer.ts";
import { fuzzUrl } from "./reader-url.ts";

/** Reads what `random` makes wrong; ends well, or throws. */
export type ReaderCase = (random: Random) => unknown;

/** Each reader's cases, by name. */
export const READERS = {
  config: fuzzConfig,
  header: fuzzHeader,
  index: fuzzIndex,
  tokenizer: fuzzTokenizer,
  url: fuzzUrl,
  plan: fuzzPlan,
  weights: fuzzWeights,
  graph: fuzzGraph,
} as const satisfies Readonly<Record<string, ReaderCase>>;
export type ReaderName = keyof typeof READERS;
export const READER_NAMES = Object.keys(READERS) as readonly ReaderName[];

/** What became of some seeds of a reader. */
export interface ReaderTally {
  readonly cases: number;
  /** Were read. */
  readonly accepted: number;
  /** The refusals' facts, numbers and quoted words left out, with how often each came. */
  readonly refusals: ReadonlyMap<string, number>;
  /** What must not be, each with its seed: errors that are none of ours, lines without an end, more than a second. */
  readonly faults: readonly string[];
  readonly slowestMs: number;
}

const MOST_MS = 1000;
const MOST_LINE = 600;

/** Cases of the seeds `first` to `first + count − 1`. */
export async function fuzzReader(name: ReaderName, first: number, count: number): Promise<ReaderTally> {
  const refusals = new Map<string, number>();
  const faults: string[] = [];
  let [accepted, slowestMs] = [0, 0];
  // What all cases share is made by the first, in its own time.
  await outcomeOf(name, 0);
  for (let seed = first; seed < first + count; seed++) {
    const began = performance.now();
    const error = await outcomeOf(name, seed);
    if (error === undefined) accepted++;
    else if (error instanceof WgptError) {
      const line = `${error.place}: ${error.facts}`;
      if (/\p{Cc}/u.test(line) || line.length > MOST_LINE)
        faults.push(`seed ${seed}: no line: ${JSON.stringify(line.slice(0, 300))}`);
      const kind = kindOf(error.facts);
      refusals.set(kind, (refusals.get(kind) ?? 0) + 1);
    } else faults.push(`seed ${seed}: a raw error: ${error instanceof Error ? error.stack : error}`);
    let ms = performance.now() - began;
    // Other work on the machine slows one run, and seldom each of three.
    for (let again = 0; ms > MOST_MS && again < 2; again++) {
      const then = performance.now();
      await outcomeOf(name, seed);
      ms = Math.min(ms, performance.now() - then);
    }
    slowestMs = Math.max(slowestMs, ms);
    if (ms > MOST_MS) faults.push(`seed ${seed}: took ${Math.round(ms)} ms`);
  }
  return { cases: count, accepted, refusals, faults, slowestMs };
}

/** What the case threw; undefined if it ended well. */
async function outcomeOf(name: ReaderName, seed: number): Promise<unknown> {
  try {
    await READERS[name](seededRandom(seed));
    return undefined;
  } catch (error) {
    return error ?? new Error("threw nothing");
  }
}

const kindOf = (facts: string): string =>
  (facts.split(", but ")[0] ?? "")
    .replaceAll(/"(?:[^"\\]|\\.)*"?/g, "…")
    .replaceAll(/-?\d+(\.\d+)?(e[+-]?\d+)?/g, "N")
    .replace(/JSON: .*/, "JSON")
    .slice(0, 60);
