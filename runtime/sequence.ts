// A sequence of tokens, and what can be done with it. Every call submits its work to the GPU's
// queue before it first waits, so that calls one after the other never mix. Not here: who may call; see session.ts.

import { chunkOf, type PlanModel, type PlanRoles, type PlanSymbolValues } from "../base/plan.ts";
import { optionError, RuntimeError } from "./errors.ts";
import { checkSampler, checkSeed, type SamplerSettings, settingsData, suppressedBits } from "./sampling.ts";
import type { BufferWrite, SequenceRuns } from "./sequence-runs.ts";
import { closedError } from "./turns.ts";
import { checkIds } from "./vocabulary.ts";

/** The logits of some tokens of a text. */
export interface LogitsChunk {
  /** Where the first of them stands in what was fed. */
  readonly start: number;
  readonly rows: number;
  /** f32[rows, n_vocab] */
  readonly logits: Float32Array;
}

/** Tokens on their way to a run. */
interface Chunk {
  readonly entry: "prefill" | "decode";
  readonly count: number;
  readonly tokens: BufferWrite;
}

/** Tokens whose keys and values stay on the GPU. */
export class Sequence {
  readonly facts: PlanModel;
  readonly #runs: SequenceRuns;
  /** The names of every entry point's graph are the same; what draws has the inputs of a draw too. */
  readonly #roles: PlanRoles;
  #past = 0;
  /** Tokens by position; what is on its way to the host is a symbol of its own. Beyond `past` they may be stale, but for the one drawn last. */
  #ids: (number | symbol)[] = [];
  /** How many positions hold a token that was given or drawn as a caller asked: where `feed` runs, its kernel puts one that nobody asked for. */
  #standing = 0;
  /** The entry point that ran last. */
  #ran: string | undefined;
  /** What was set for a draw last. */
  #settings: readonly BufferWrite[] | undefined;

  /** @throws RuntimeError for a plan that does not say what is what. */
  constructor(runs: SequenceRuns, facts: PlanModel) {
    this.#runs = runs;
    this.facts = facts;
    this.#roles = rolesOf(runs);
  }

  /** How many tokens the caches hold. */
  get past(): number {
    return this.#past;
  }
  /** The most tokens that one call takes. */
  get chunk(): number {
    return chunkOf(this.#runs.plan);
  }
  /** Ids of the tokens that it holds, as far as the host has heard of those that were drawn: at rest, all `past` of them. */
  get tokens(): readonly number[] {
    const known = this.#ids.slice(0, this.#past);
    const end = known.findIndex((id) => typeof id === "symbol");
    return known.slice(0, end < 0 ? known.length : end).map(Number);
  }

  /** Forgets all tokens. */
  reset(): void {
    this.checkOpen();
    this.#past = 0;
    this.#standing = 0;
    this.#runs.forget(0);
  }

  /**
   * Appends tokens and returns the logits f32[n_vocab] after the last one. A long prompt is fed in chunks.
   * @throws RuntimeError for no tokens, an id that is none, and more tokens than the context holds.
   */
  async feed(ids: readonly number[]): Promise<Float32Array> {
    const last = this.#append(ids);
    this.#run(last.entry, last.count, last.tokens);
    return this.#logits(last.entry, 1);
  }

  /**
   * Appends tokens and draws the one that follows them, on the GPU. It stands at position `past` of the sequence then, where
   * `drawNext` reads it. What is drawn depends on the settings, the seed and the position alone.
   * @throws RuntimeError for settings out of range and tokens that do not fit.
   */
  async drawAfter(ids: readonly number[], settings: SamplerSettings, seed: number): Promise<number> {
    checkSampler(settings);
    checkSeed(seed);
    const { suppressTokens = [] } = settings;
    const suppressed = suppressedBits(suppressTokens, this.facts.n_vocab);
    const { draw } = this.#roles;
    if (!draw) throw new RuntimeError(`plan ${this.#runs.plan.name}`, "has no entry point that draws a token");
    const last = this.#append(ids);
    this.#settings = [
      { buffer: draw.settings, data: settingsData(settings, this.facts.n_vocab), offset: 0 },
      { buffer: draw.seed, data: Uint32Array.of(seed), offset: 0 },
      { buffer: draw.suppressed, data: suppressed, offset: 0 },
    ];
    return this.#draw(last.entry, last.count, last.tokens);
  }

  /**
   * Appends the token drawn last and draws the next, with the settings of `drawAfter`. Needs nothing from the host, so that
   * several may be asked for before the first is there.
   * @throws RuntimeError when no token was drawn, the context is full, or the logits are no distribution.
   */
  async drawNext(): Promise<number> {
    this.checkOpen();
    if (this.#past >= this.#standing)
      throw new RuntimeError(
        "session",
        "there is no drawn token to append",
        "draw one: `drawAfter` does, after the tokens it is given",
      );
    return this.#draw("decode", 1);
  }

  /**
   * The logits f32[n_vocab] of the last token that was appended, whatever is asked for afterwards.
   * @throws RuntimeError when nothing has run yet.
   */
  async lastLogits(): Promise<Float32Array> {
    if (this.#ran === undefined) throw new RuntimeError("logits", "no token has been appended", "feed one first");
    return this.#logits(this.#ran, 1);
  }

  /**
   * Forgets all tokens from position `past` on.
   * @throws RuntimeError when it holds fewer.
   */
  rewind(past: number): void {
    this.checkOpen();
    if (!(Number.isInteger(past) && past >= 0 && past <= this.#past))
      throw optionError(
        "session",
        `can't go back to ${past} tokens, for it holds ${this.#past}`,
        `give a whole number from 0 to ${this.#past}`,
      );
    this.#past = past;
    this.#runs.forget(past);
  }

  /**
   * Appends tokens and yields the logits of every one, chunk by chunk.
   * @throws RuntimeError for no tokens, an id that is none, and more tokens than the context holds.
   */
  async *feedAll(ids: readonly number[]): AsyncGenerator<LogitsChunk, void> {
    this.#check(ids);
    for (let start = 0; start < ids.length; start += this.chunk) {
      const chunk = ids.slice(start, start + this.chunk);
      this.#run("logits", chunk.length, this.#write(chunk));
      yield { start, rows: chunk.length, logits: await this.#logits("logits", chunk.length) };
    }
  }

  /** Whether its buffers are freed. */
  get closed(): boolean {
    return this.#runs.closed;
  }

  /** @throws RuntimeError when it is closed. */
  checkOpen(): void {
    if (this.closed) throw closedError("session");
  }

  /** Frees the buffers. What waits for the GPU ends with an error, as does every call after it. */
  close(): void {
    this.#runs.close();
  }

  /** Runs all chunks of the tokens but the last, whose run is left to the caller. */
  #append(ids: readonly number[]): Chunk {
    this.#check(ids);
    let start = 0;
    for (; ids.length - start > this.chunk; start += this.chunk) {
      this.#run("prefill", this.chunk, this.#write(ids.slice(start, start + this.chunk)));
    }
    const last = ids.slice(start);
    return { entry: last.length === 1 ? "decode" : "prefill", count: last.length, tokens: this.#write(last) };
  }

  /** What the next run reads. Chunk by chunk, for each call draws a token and puts it where the next chunk begins. */
  #write(ids: readonly number[]): BufferWrite {
    this.checkOpen();
    this.#standing = this.#past + ids.length;
    for (const [i, id] of ids.entries()) this.#ids[this.#past + i] = id;
    return { buffer: this.#roles.tokens, data: Int32Array.from(ids), offset: 4 * this.#past };
  }

  #check(ids: readonly number[]): void {
    const { n_ctx, n_vocab } = this.facts;
    if (ids.length === 0)
      throw new RuntimeError("session", "there is no token to feed", "a text needs at least one token");
    if (this.#past + ids.length > n_ctx) {
      const held = this.#past === 0 ? "" : ` after ${this.#past} that it holds`;
      throw new RuntimeError("session", `${ids.length} tokens${held} do not fit in the context of ${n_ctx}`, {
        code: "context-full",
        hint: `shorten the text to ${n_ctx} tokens`,
      });
    }
    checkIds("session", ids, n_vocab);
  }

  #run(entry: string, count: number, tokens: BufferWrite): void {
    const from = this.#past;
    this.#runs.run({ entry, symbols: this.#symbols(count, from), from, tokens, draw: this.#settings });
    this.#past += count;
    // Of the logits of every token, a caller has the last one's.
    this.#ran = entry === "logits" ? undefined : entry;
  }

  #symbols(count: number, past: number): PlanSymbolValues {
    return { [this.#roles.newTokens]: count, [this.#roles.pastTokens]: past };
  }

  async #draw(entry: string, count: number, tokens?: BufferWrite): Promise<number> {
    this.checkOpen();
    const from = this.#past;
    const position = from + count;
    if (position > this.facts.n_ctx)
      throw new RuntimeError("session", `the context of ${this.facts.n_ctx} is full`, {
        code: "context-full",
        hint: "start anew, or with a shorter text",
      });
    this.#past = position;
    this.#ran = entry;
    this.#standing = position + 1;
    const pending = Symbol("on its way");
    this.#ids[position] = pending;
    const run = { entry, symbols: this.#symbols(count, from), from, tokens, draw: this.#settings };
    const drawn = { buffer: this.#roles.tokens, offset: 4 * position, size: 4 };
    const bytes = await this.#read(this.#runs.runAndRead(run, drawn));
    const [token = -1] = new Int32Array(bytes);
    const isLast = this.#ids[position] === pending;
    if (token < 0) {
      if (isLast) this.#standing = Math.min(this.#standing, position);
      throw notFinite(position);
    }
    if (isLast) this.#ids[position] = token;
    return token;
  }

  async #logits(entry: string, rows: number): Promise<Float32Array> {
    const output = this.#runs.entry(entry).outputs.find((o) => o.name === this.#roles.logits);
    if (!output) throw new RuntimeError(`entry ${entry}`, `has no result ${this.#roles.logits}`);
    const data = await this.#read(this.#runs.read(output, this.#symbols(rows, this.#past)));
    return data instanceof Float32Array ? data : Float32Array.from(data);
  }

  /** What the GPU gives, unless the model is closed before. */
  async #read<T>(result: Promise<T>): Promise<T> {
    try {
      return await result;
    } catch (error) {
      this.checkOpen();
      throw error;
    }
  }
}

function rolesOf({ plan }: SequenceRuns): PlanRoles {
  const entries = plan.entries.flatMap((e) => e.roles ?? []);
  const roles = entries.find((r) => r.draw) ?? entries[0];
  if (!roles || entries.length < plan.entries.length)
    throw new RuntimeError(
      `plan ${plan.name}`,
      "does not say what its buffers are to a language model",
      "compile it with compileModel",
    );
  return roles;
}

/** What `sample_token` could not draw from. */
const notFinite = (position: number): RuntimeError =>
  new RuntimeError(`token ${position}`, "its logits are no distribution: one is NaN or infinite", {
    code: "not-finite",
    hint: "the weights are damaged, or an f16 overflowed on the way: check the checkpoint, or load it with f32 weights",
  });
