// What a sequence runs on its state, in order; and, where the state can be replaced when its device is lost, all of it once more on
// the new one: the same entry points on the same tokens in the same chunks, so that every number comes out as it was. Knows
// positions, but nothing of what tokens mean; see sequence.ts.
import type { Plan, PlanEntry, PlanSymbolValues, PlanTensor } from "../base/plan.ts";
import { isLoss } from "./errors.ts";
import type { BufferRange, SequenceState } from "./sequence-state.ts";
import type { TensorData } from "./storage-buffer.ts";
import { closedError } from "./turns.ts";

/** What is written to a buffer, from byte `offset` on. */
export interface BufferWrite {
  readonly buffer: string;
  readonly data: TensorData;
  readonly offset: number;
}

/** One run of an entry point. */
export interface SequenceRun {
  readonly entry: string;
  readonly symbols: PlanSymbolValues;
  /** The position of the first token that it reads. */
  readonly from: number;
  /** The tokens that it reads, where the GPU has not drawn them. */
  readonly tokens?: BufferWrite | undefined;
  /** The settings that it draws with: the same object as long as they are the same. */
  readonly draw?: readonly BufferWrite[] | undefined;
}

/** Another state in the place of one whose device is lost. */
export interface Replacement {
  /** @throws RuntimeError when there is none, and nobody should ask again. */
  replace(): Promise<SequenceState>;
  /** Hears that something was computed. */
  progressed(): void;
}

/** A result that is on its way, from whichever state gives it first. */
interface Read {
  begin(state: SequenceState): void;
  reject(error: unknown): void;
}

interface KeptRun {
  readonly run: SequenceRun;
  /** What is read right after it, and not there yet. The first one runs it too where `runs` is set. */
  readonly reads: Set<Read>;
  /** The read that runs it. */
  runs?: Read;
  /** What it drew, as far as the host has heard of it: on another adapter it could be another token. */
  drawn?: BufferWrite;
  /** The sequence has gone back to before it. */
  stale: boolean;
}

/** After so many runs a replay waits for the GPU. */
const REPLAY_AHEAD = 16;

/** The runs of one sequence. */
export class SequenceRuns {
  #state: SequenceState;
  readonly #replacement: Replacement | undefined;
  /** What the state was made by; nothing where it can't be replaced. */
  #runs: KeptRun[] = [];
  #hasStale = false;
  /** The settings of a draw that the state has. */
  #draw: readonly BufferWrite[] | undefined;
  #replaying = false;
  /** Whether the state has seen all runs; not from a loss until a replay has come to its end. */
  #isWhole = true;
  /** How many of the runs a replay has come to. */
  #done = 0;
  #lostAgain = false;
  #closed = false;

  constructor(state: SequenceState, replacement?: Replacement) {
    this.#state = state;
    this.#replacement = replacement;
  }

  get plan(): Plan {
    return this.#state.plan;
  }
  get closed(): boolean {
    return this.#closed || this.#state.closed;
  }
  get bufferBytes(): number {
    return this.#state.bufferBytes;
  }

  entry(name: string): PlanEntry {
    return this.#state.entry(name);
  }

  run(run: SequenceRun): void {
    this.#add({ run, reads: new Set(), stale: false });
  }

  /** Runs, and gives bytes of a state as they are right after it. */
  runAndRead(run: SequenceRun, range: BufferRange): Promise<ArrayBuffer> {
    if (!this.#replacement) {
      this.#write(run);
      return this.#state.runAndRead(run.entry, run.symbols, range);
    }
    const kept: KeptRun = { run, reads: new Set(), stale: false };
    return this.#read(
      kept,
      (state) => state.runAndRead(run.entry, run.symbols, range),
      (bytes) => {
        kept.drawn = { buffer: range.buffer, data: new Uint32Array(bytes), offset: range.offset };
      },
      (read) => {
        kept.runs = read;
        this.#add(kept);
      },
    );
  }

  /** An output of the last run. */
  read(output: PlanTensor, symbols: PlanSymbolValues): Promise<TensorData> {
    const kept = this.#runs.at(-1);
    if (!kept) return this.#state.read(output, symbols);
    return this.#read(
      kept,
      (state) => state.read(output, symbols),
      () => undefined,
      (read) => {
        if (this.#isWhole || (this.#replaying && this.#done === this.#runs.length)) read.begin(this.#state);
        // A replay that has not come to the run begins the read with it.
        else this.#recover();
      },
    );
  }

  /** The sequence goes back to `past` tokens. */
  forget(past: number): void {
    for (const kept of this.#runs) {
      kept.stale ||= kept.run.from >= past;
      this.#hasStale ||= kept.stale;
    }
  }

  /** Frees the state. What is waited for ends with an error, as does every call after it. */
  close(): void {
    this.#closed = true;
    this.#state.close();
    this.#fail(closedError("session"));
  }

  #add(kept: KeptRun): void {
    if (!this.#replacement) {
      this.#perform(kept);
      return;
    }
    if (!this.#replaying) this.#prune();
    this.#runs.push(kept);
    try {
      if (this.#isWhole) this.#perform(kept);
      else this.#recover();
    } catch (error) {
      if (isLoss(error)) this.#recover();
      else {
        this.#runs.pop();
        throw error;
      }
    }
  }

  /** Lets go of runs that the sequence went back to before, as soon as nobody waits for what comes of them. */
  #prune(): void {
    if (!this.#hasStale) return;
    const needed = this.#runs.findLastIndex(({ stale, reads }) => stale && reads.size > 0);
    this.#runs = this.#runs.filter(({ stale }, i) => !stale || i <= needed);
    this.#hasStale = needed >= 0;
  }

  /** What a run reads. */
  #write({ tokens, draw = this.#draw }: SequenceRun): void {
    const state = this.#state;
    if (tokens) state.write(tokens.buffer, tokens.data, tokens.offset);
    if (draw !== this.#draw) for (const { buffer, data, offset } of draw ?? []) state.write(buffer, data, offset);
    this.#draw = draw;
  }

  #perform({ run, reads, runs, drawn }: KeptRun): void {
    const state = this.#state;
    this.#write(run);
    if (runs && reads.has(runs)) runs.begin(state);
    else state.run(run.entry, run.symbols);
    if (drawn) state.write(drawn.buffer, drawn.data, drawn.offset);
    for (const read of reads) if (read !== runs) read.begin(state);
  }

  /** A read of a run, which `start` begins, and a replay once more; `heard` takes what came. */
  #read<T>(
    kept: KeptRun,
    body: (state: SequenceState) => Promise<T>,
    heard: (value: T) => void,
    start: (read: Read) => void,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const read: Read = {
        reject,
        begin: (state) => {
          body(state).then(
            (value) => {
              kept.reads.delete(read);
              heard(value);
              this.#replacement?.progressed();
              resolve(value);
            },
            (error) => {
              if (this.#willComeAgain(state, error)) return;
              kept.reads.delete(read);
              reject(error);
            },
          );
        },
      };
      kept.reads.add(read);
      try {
        start(read);
      } catch (error) {
        reject(error);
      }
    });
  }

  /** Whether what failed on a state is read once more, from another one. */
  #willComeAgain(state: SequenceState, error: unknown): boolean {
    if (!this.#replacement || this.#closed) return false;
    if (state !== this.#state) return true;
    if (!isLoss(error)) return false;
    this.#lostAgain = true;
    this.#recover();
    return true;
  }

  /** Begins a replay where none is under way; what is in `#runs` and what is added to it meanwhile comes with it. */
  #recover(): void {
    if (this.#replaying) return;
    this.#replaying = true;
    this.#isWhole = false;
    this.#replay().catch((error: unknown) => {
      this.#replaying = false;
      this.#fail(error);
    });
  }

  async #replay(): Promise<void> {
    for (;;) {
      const state = await this.#replacement?.replace();
      if (!state) return;
      this.#state.close();
      if (this.#closed) return state.close();
      this.#state = state;
      this.#draw = undefined;
      this.#lostAgain = false;
      if (await this.#runAll(state)) return;
    }
  }

  /** Whether it came to the end, and may be gone on from there. */
  async #runAll(state: SequenceState): Promise<boolean> {
    try {
      // Runs that are asked for meanwhile come behind.
      for (this.#done = 0; this.#done < this.#runs.length; ) {
        const kept = this.#runs[this.#done++];
        if (kept) this.#perform(kept);
        if (this.#done % REPLAY_AHEAD === 0) await state.finish("going on after a loss");
      }
    } catch (error) {
      if (isLoss(error)) return false;
      throw error;
    }
    if (this.#lostAgain) return false;
    // From here to the next loss, runs are performed at once.
    this.#isWhole = true;
    this.#replaying = false;
    return true;
  }

  #fail(error: unknown): void {
    for (const { reads } of this.#runs) {
      for (const read of reads) read.reject(error);
      reads.clear();
    }
  }
}
