// What a sequence runs, and once more on another state: in which order, with which writes, and which reads come of it. The states
// here are made up: they write down what they are told, and answer when the test says so.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Plan, PlanTensor } from "../../base/plan.ts";
import { lostError } from "../../runtime/errors.ts";
import { type SequenceRun, SequenceRuns } from "../../runtime/sequence-runs.ts";
import type { SequenceState } from "../../runtime/sequence-state.ts";
import { closedError } from "../../runtime/turns.ts";
import { rejects } from "../support/rejects.ts";

const test = suite("sequence runs");

const LOGITS: PlanTensor = { name: "logits", buffer: "logits", dtype: "f32", shape: [1] };
const turn = () => new Promise((resolve) => setTimeout(resolve));

const unasked = (): never => {
  throw new Error("nobody should ask");
};

/** A state whose reads answer with the number of runs that it had seen by then, 100 for each state before it. */
class MadeUpState implements SequenceState {
  readonly plan = { name: "made up" } as Plan;
  readonly bufferBytes = 4;
  readonly log: string[] = [];
  closed = false;
  lost = false;
  /** Reads wait until this is set. */
  answers = false;
  #runs: number;

  constructor(before = 0) {
    this.#runs = 100 * before;
  }

  entry = (): never => unasked();
  clearStates = (): never => unasked();
  readBytes = (): never => unasked();

  write(buffer: string, data: ArrayLike<number>, offset = 0): void {
    this.#check();
    this.log.push(`${buffer}@${offset}=${Array.from(data)}`);
  }
  run(name: string): void {
    this.#check();
    this.#runs++;
    this.log.push(name);
  }
  async runAndRead(name: string): Promise<ArrayBuffer> {
    this.run(name);
    return Uint32Array.of(await this.#answer()).buffer;
  }
  async read(): Promise<Float32Array<ArrayBuffer>> {
    this.log.push("read");
    return Float32Array.of(await this.#answer());
  }
  async finish(): Promise<void> {
    this.#check();
  }
  close(): void {
    this.closed = true;
  }

  async #answer(): Promise<number> {
    const seen = this.#runs;
    for (;;) {
      this.#check();
      if (this.answers) return seen;
      await turn();
    }
  }
  #check(): void {
    if (this.closed) throw closedError("call");
    if (this.lost) throw lostError("call", "the test took it");
  }
}

/** Runs on a first state, and what replaces it. */
function begin() {
  const states = [new MadeUpState()];
  let progress = 0;
  const first = states[0] as MadeUpState;
  const replacement = {
    replace: async (): Promise<SequenceState> => {
      await turn();
      const next = new MadeUpState(states.length);
      states.push(next);
      return next;
    },
    progressed: () => {
      progress++;
    },
  };
  return { first, states, replacement, runs: new SequenceRuns(first, replacement), progress: () => progress };
}

const tokens = (from: number, ...ids: number[]): SequenceRun => ({
  entry: `prefill ${from}`,
  symbols: {},
  from,
  tokens: { buffer: "tokens", data: Int32Array.from(ids), offset: 4 * from },
});
const step = (from: number, draw?: SequenceRun["draw"]): SequenceRun => ({
  entry: `decode ${from}`,
  symbols: {},
  from,
  draw,
});
const range = (position: number) => ({ buffer: "tokens", offset: 4 * position, size: 4 });
const settings = (seed: number): SequenceRun["draw"] => [{ buffer: "seed", data: Uint32Array.of(seed), offset: 0 }];
const value = async (bytes: Promise<ArrayBuffer>): Promise<number> => new Uint32Array(await bytes)[0] ?? -1;

test("runs once more what the state was made by: tokens, settings where they change, and what is known to be drawn", async () => {
  const { first, states, runs, progress } = begin();
  const [a, b] = [settings(1), settings(2)];
  first.answers = true;
  runs.run(tokens(0, 5, 6));
  assert.is(await value(runs.runAndRead(step(2, a), range(3))), 2);
  assert.is(await value(runs.runAndRead(step(3, a), range(4))), 3);
  assert.is(await value(runs.runAndRead(step(4, b), range(5))), 4);
  const before = ["tokens@0=5,6", "prefill 0", "seed@0=1", "decode 2", "decode 3", "seed@0=2", "decode 4"];
  assert.equal(first.log, before);
  first.lost = true;
  const late = runs.runAndRead(step(5, b), range(6));
  await turn();
  await turn();
  const [, second] = states;
  assert.equal(second?.log, [
    ...["tokens@0=5,6", "prefill 0", "seed@0=1", "decode 2", "tokens@12=2", "decode 3", "tokens@16=3"],
    ...["seed@0=2", "decode 4", "tokens@20=4", "decode 5"],
  ]);
  assert.is(first.closed, true);
  assert.is(progress(), 3);
  if (second) second.answers = true;
  assert.is(await value(late), 105);
  assert.is(progress(), 4);
  assert.is(await value(runs.runAndRead(step(6, b), range(7))), 106);
  assert.equal(second?.log.slice(-1), ["decode 6"]);
});

test("a read that was on its way is begun again right after its run", async () => {
  const { first, states, runs } = begin();
  runs.run(tokens(0, 1));
  const one = runs.read(LOGITS, {});
  runs.run(tokens(1, 2));
  const two = [runs.read(LOGITS, {}), runs.read(LOGITS, {})];
  const three = runs.runAndRead(step(2), range(3));
  first.lost = true;
  await turn();
  await turn();
  await turn();
  const [, second] = states;
  assert.equal(second?.log, ["tokens@0=1", "prefill 0", "read", "tokens@4=2", "prefill 1", "read", "read", "decode 2"]);
  if (second) second.answers = true;
  assert.equal(
    (await Promise.all([one, ...two])).map(([x]) => x),
    [101, 102, 102],
  );
  assert.is(await value(three), 103);
});

test("what is run and read while it is replayed comes behind, once", async () => {
  const { first, states, runs } = begin();
  runs.run(tokens(0, 1));
  first.lost = true;
  runs.run(tokens(1, 2));
  const read = runs.read(LOGITS, {});
  runs.run(tokens(2, 3));
  const last = runs.read(LOGITS, {});
  await turn();
  await turn();
  const [, second] = states;
  if (second) second.answers = true;
  assert.equal([(await read)[0], (await last)[0]], [102, 103]);
  assert.equal(
    second?.log.filter((line) => line !== "read").filter((_, i) => i % 2 === 1),
    ["prefill 0", "prefill 1", "prefill 2"],
  );
  assert.is(states.length, 2);
});

test("a loss while it is replayed begins it anew, also one that only a read tells of", async () => {
  const { first, states, runs } = begin();
  runs.run(tokens(0, 1));
  const read = runs.read(LOGITS, {});
  first.lost = true;
  for (const count of [2, 3, 4]) {
    while (states.length < count) await turn();
    const state = states.at(-1);
    if (state && count < 4) state.lost = true;
    else if (state) state.answers = true;
  }
  assert.equal([...(await read)], [301]);
  assert.is(states.length, 4);
});

test("runs before which the sequence has gone back are dropped, unless somebody waits for what comes of them", async () => {
  const { first, states, runs } = begin();
  runs.run(tokens(0, 1, 2));
  const stale = runs.runAndRead(step(2), range(3));
  runs.forget(2);
  runs.run(tokens(2, 7));
  const fresh = runs.read(LOGITS, {});
  first.lost = true;
  await turn();
  await turn();
  await turn();
  const [, second] = states;
  assert.equal(second?.log, ["tokens@0=1,2", "prefill 0", "decode 2", "tokens@8=7", "prefill 2", "read"]);
  if (second) second.answers = true;
  assert.is(await value(stale), 102);
  assert.equal([...(await fresh)], [103]);
  runs.forget(1);
  runs.run(tokens(1, 8));
  if (second) second.lost = true;
  runs.run(tokens(2, 9));
  await turn();
  await turn();
  assert.equal(
    states[2]?.log.filter((line) => line.startsWith("prefill")),
    ["prefill 0", "prefill 1", "prefill 2"],
  );
});

test("where no state comes, all that waits says why, and the next call asks again", async () => {
  const { first, replacement, states } = begin();
  let refuses = true;
  const replace = () => (refuses ? Promise.reject(lostError("device", "3 times in a row")) : replacement.replace());
  const runs = new SequenceRuns(first, { ...replacement, replace });
  runs.run(tokens(0, 1));
  const reads = [runs.read(LOGITS, {}), runs.runAndRead(step(1), range(2))];
  first.lost = true;
  for (const read of reads) await rejects(read, /3 times in a row/);
  runs.run(tokens(2, 1));
  await rejects(runs.read(LOGITS, {}), /3 times in a row/);
  refuses = false;
  runs.run(tokens(3, 1));
  const read = runs.read(LOGITS, {});
  while (!states[1]) await turn();
  states[1].answers = true;
  assert.equal([...(await read)], [104]);
});

test("what waits ends when the sequence is closed, also while it is replayed; the state that comes then is closed", async () => {
  const { first, states, runs } = begin();
  runs.run(tokens(0, 1));
  const read = runs.read(LOGITS, {});
  first.lost = true;
  runs.run(tokens(1, 1));
  runs.close();
  await rejects(read, /^session: the session is closed/);
  assert.is(runs.closed, true);
  await turn();
  await turn();
  assert.equal(
    states.map(({ closed }) => closed),
    [true, true],
  );
});

test("where the state can't be replaced, calls say that it is lost", async () => {
  const state = new MadeUpState();
  const runs = new SequenceRuns(state);
  runs.run(tokens(0, 1));
  const read = runs.read(LOGITS, {});
  state.lost = true;
  await rejects(read, /^call: the device was lost: the test took it/);
  assert.throws(() => runs.run(tokens(1, 2)), /the device was lost/);
  await rejects(runs.runAndRead(step(1), range(2)), /the device was lost/);
});

test.run();
