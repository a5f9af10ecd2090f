// How long an entry point's steps take on the device, by its own clock. WebGPU tells times of passes alone, so a run is timed twice: whole,
// in one pass as it is run otherwise, and cut into a pass for each step. Only who measures loads this; runs know nothing of it.
import type { PlanSymbolValues } from "../base/plan.ts";
import { type OpenDevice, printAdapter } from "./device.ts";
import { inErrorScopes } from "./error-scopes.ts";
import { deviceError, optionError, RuntimeError } from "./errors.ts";
import { PlanSequence, type RunParts } from "./plan-sequence.ts";
import type { SequenceState } from "./sequence-state.ts";
import { Staging } from "./staging.ts";
import { freeBuffers } from "./storage-buffer.ts";

/** What was timed, in nanoseconds of the device's clock since the timer's first run. */
export interface TimeSpan {
  readonly begin: number;
  readonly end: number;
}

/** One run of an entry point, timed in both ways. */
export interface StepTimes {
  /** All in one pass. */
  readonly whole: TimeSpan;
  /** In a pass for each step, from the first to the last. */
  readonly cut: TimeSpan;
  /** Each of those passes, by the step's place in the plan; undefined of a step that has nothing to do. */
  readonly steps: readonly (TimeSpan | undefined)[];
}

/** WebGPU's bound on a set of queries, and the bytes of a time. */
const [MOST_QUERIES, STAMP_BYTES] = [4096, 8];

const FEATURE = "timestamp-query";

/** @throws RuntimeError for a device that can't tell times of passes. */
export function checkTimestamps({ adapter, device }: Pick<OpenDevice, "adapter" | "device">): void {
  if (device.features.has(FEATURE)) return;
  throw new RuntimeError(
    `adapter ${printAdapter(adapter)}`,
    `has no ${FEATURE}, but the time of a kernel can't be told without`,
    {
      code: "no-adapter",
      hint: "`wgpt bench` measures whole steps on any adapter, and `wgpt roofline` predicts each kernel",
    },
  );
}

/** Times the runs of one entry point on a sequence's state. */
export class StepTimer {
  readonly #state: PlanSequence;
  readonly #entry: string;
  readonly #stamps: Stamps;
  #runs = 0;

  private constructor(state: PlanSequence, entry: string, stamps: Stamps) {
    this.#state = state;
    this.#entry = entry;
    this.#stamps = stamps;
  }

  /**
   * Makes what timing an entry point takes. `symbols` may be any that it can be run with.
   * @throws RuntimeError for an adapter without timestamps, an entry point that is none, and when WebGPU refuses anything.
   */
  static async create(state: SequenceState, entry: string, symbols: PlanSymbolValues): Promise<StepTimer> {
    if (!(state instanceof PlanSequence))
      throw optionError("timer", "is given a state that no loaded plan made", "give what `LoadedPlan.sequence` gives");
    const { open, dispatches } = state.partsOf(entry, symbols);
    checkTimestamps(open);
    const { device } = open;
    const { made, problem } = inErrorScopes(device, () => new Stamps(open, 2 * Math.max(1, dispatches.length)));
    const found = await problem;
    if (!found) return new StepTimer(state, entry, made);
    made.close();
    throw deviceError(`timing ${entry}`, found.message);
  }

  /**
   * Runs the entry point twice on what its inputs and states hold, and times both runs. Which is first changes from call to call. A second
   * run has to compute what the first did, as those of a language model do: what they append, they append at the same place.
   * @throws RuntimeError as `SequenceState.run` does, and for a clock that does not run.
   */
  async time(symbols: PlanSymbolValues): Promise<StepTimes> {
    const parts = this.#state.partsOf(this.#entry, symbols);
    const wholeFirst = this.#runs++ % 2 === 0;
    const early = wholeFirst ? await this.#timeWhole(parts) : undefined;
    const steps = await this.#timeCut(parts);
    const whole = early ?? (await this.#timeWhole(parts));
    const there = steps.filter((s) => s !== undefined);
    const cut = { begin: there[0]?.begin ?? 0, end: there.at(-1)?.end ?? 0 };
    if (whole.end < whole.begin || (there.length > 0 && there.every((s) => s.end <= s.begin)))
      throw deviceError(
        `timing ${this.#entry}`,
        "the adapter has timestamps, but they do not tell two times apart",
        "`wgpt bench` measures whole steps by the host's clock",
      );
    return { whole, cut, steps };
  }

  /** Frees what it made; the state stays. */
  close(): void {
    this.#stamps.close();
  }

  async #timeWhole({ open, begin, dispatches }: RunParts): Promise<TimeSpan> {
    const encoder = open.device.createCommandEncoder({ label: this.#entry });
    const pass = encoder.beginComputePass({ label: this.#entry, timestampWrites: this.#stamps.around(0) });
    begin(pass);
    for (const dispatch of dispatches) dispatch(pass);
    pass.end();
    const [span = { begin: 0, end: 0 }] = await this.#stamps.read(encoder, 1, this.#entry);
    return span;
  }

  async #timeCut({ open, begin, dispatches }: RunParts): Promise<readonly (TimeSpan | undefined)[]> {
    const encoder = open.device.createCommandEncoder({ label: this.#entry });
    const isDone = dispatches.map((dispatch, i) => {
      const pass = encoder.beginComputePass({ label: this.#entry, timestampWrites: this.#stamps.around(i) });
      begin(pass);
      const dispatched = dispatch(pass);
      pass.end();
      return dispatched;
    });
    const spans = await this.#stamps.read(encoder, dispatches.length, this.#entry);
    return spans.map((span, i) => (isDone[i] ? span : undefined));
  }
}

/** Times of passes: the queries, and the buffers that they come back through. */
class Stamps {
  readonly #open: RunParts["open"];
  readonly #sets: readonly GPUQuerySet[];
  readonly #resolved: GPUBuffer;
  readonly #staging: Staging;
  #origin: bigint | undefined;

  constructor(open: RunParts["open"], count: number) {
    const { device } = open;
    this.#open = open;
    this.#sets = Array.from({ length: Math.ceil(count / MOST_QUERIES) }, (_, i) =>
      device.createQuerySet({
        label: "times",
        type: "timestamp",
        count: Math.min(MOST_QUERIES, count - i * MOST_QUERIES),
      }),
    );
    this.#resolved = device.createBuffer({
      label: "times",
      size: STAMP_BYTES * count,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
    this.#staging = new Staging(open);
  }

  /** What pass `i` of a run writes. */
  around(i: number): GPUComputePassTimestampWrites {
    const querySet = this.#sets[Math.floor((2 * i) / MOST_QUERIES)];
    const first = (2 * i) % MOST_QUERIES;
    if (!querySet) throw new Error(`there are no queries for pass ${i}`);
    return { querySet, beginningOfPassWriteIndex: first, endOfPassWriteIndex: first + 1 };
  }

  /** Submits the encoder, and gives the times of its first `passes` passes. */
  async read(encoder: GPUCommandEncoder, passes: number, entry: string): Promise<readonly TimeSpan[]> {
    if (passes === 0) return [];
    const count = 2 * passes;
    for (const [i, set] of this.#sets.entries()) {
      const first = i * MOST_QUERIES;
      if (first >= count) break;
      encoder.resolveQuerySet(set, 0, Math.min(MOST_QUERIES, count - first), this.#resolved, STAMP_BYTES * first);
    }
    const place = `timing ${entry}`;
    const range = { source: this.#resolved, offset: 0, size: STAMP_BYTES * count };
    const bytes = await this.#staging.read(encoder, range, place, () => this.#open.throwReported(place));
    const stamps = new BigUint64Array(bytes);
    this.#origin ??= stamps[0] ?? 0n;
    const origin = this.#origin;
    const at = (i: number): number => Number((stamps[i] ?? origin) - origin);
    return Array.from({ length: passes }, (_, i) => ({ begin: at(2 * i), end: at(2 * i + 1) }));
  }

  close(): void {
    for (const set of this.#sets) set.destroy();
    this.#staging.close();
    freeBuffers(this.#open.device, [this.#resolved]);
  }
}
