// A sequence of tokens, and what can be done with it. Every call submits its work to the GPU's
// queue before it first waits, so that calls one after the other never mix. Not here: who may call; see model.ts.
import { RuntimeError } from "./errors.ts";
import { type PlanModel, symbolMaxima } from "./plan.ts";
import { checkSampler, checkSeed, type SamplerSettings, suppressedBits } from "./sampler.ts";
import type { SequenceState } from "./sequence-state.ts";
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

/** Tokens whose keys and values stay on the GPU. */
export class Sequence {
  readonly facts: PlanModel;
  readonly #state: SequenceState;
  #past = 0;

  constructor(state: SequenceState, facts: PlanModel) {
    this.#state = state;
    this.facts = facts;
  }

  /** How many tokens the caches hold. */
  get past(): number {
    return this.#past;
  }
  /** The most tokens that one call takes. */
  get chunk(): number {
    return symbolMaxima(this.#state.plan)["T"] ?? 1;
  }

  /** Forgets all tokens. */
  reset(): void {
    this.checkOpen();
    this.#past = 0;
  }

  /**
   * Appends tokens and returns the logits f32[n_vocab] after the last one. A long prompt is fed in chunks.
   * @throws RuntimeError for no tokens, an id that is none, and more tokens than the context holds.
   */
  async feed(ids: readonly number[]): Promise<Float32Array> {
    const last = this.#append(ids);
    this.#run(last.entry, last.count);
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
    const { topK = 0, topP = 1, suppressTokens = [] } = settings;
    const suppressed = suppressedBits(suppressTokens, this.facts.n_vocab);
    const canSuppress = this.#state.plan.buffers.some((b) => b.name === "suppressed");
    if (!canSuppress && suppressTokens.length > 0)
      throw new RuntimeError(
        `plan ${this.#state.plan.name}`,
        `can't leave out the ${suppressTokens.length} tokens that are not to be drawn`,
        "it was compiled by an older wgpt: compile it again",
      );
    const last = this.#append(ids);
    this.#state.write("settings", Float32Array.of(f32Temperature(settings), Math.min(topK, this.facts.n_vocab), topP));
    this.#state.write("seed", Uint32Array.of(seed));
    if (canSuppress) this.#state.write("suppressed", suppressed);
    return this.#draw(last.entry, last.count);
  }

  /**
   * Appends the token drawn last and draws the next, with the settings of `drawAfter`. Needs nothing from the host, so that
   * several may be asked for before the first is there.
   * @throws RuntimeError when the context is full, or the logits are no distribution.
   */
  drawNext(): Promise<number> {
    return this.#draw("decode", 1);
  }

  /**
   * Forgets all tokens from position `past` on.
   * @throws RuntimeError when it holds fewer.
   */
  rewind(past: number): void {
    this.checkOpen();
    if (!(Number.isInteger(past) && past >= 0 && past <= this.#past))
      throw new RuntimeError("model", `can't go back to ${past} tokens, for it holds ${this.#past}`);
    this.#past = past;
  }

  /**
   * Appends tokens and yields the logits of every one, chunk by chunk.
   * @throws RuntimeError for no tokens, an id that is none, and more tokens than the context holds.
   */
  async *feedAll(ids: readonly number[]): AsyncGenerator<LogitsChunk, void> {
    this.#check(ids);
    for (let start = 0; start < ids.length; start += this.chunk) {
      const chunk = ids.slice(start, start + this.chunk);
      this.#write(chunk);
      this.#run("logits", chunk.length);
      yield { start, rows: chunk.length, logits: await this.#logits("logits", chunk.length) };
    }
  }

  /** Whether its buffers are freed. */
  get closed(): boolean {
    return this.#state.closed;
  }

  /** @throws RuntimeError when it is closed. */
  checkOpen(): void {
    if (this.closed) throw closedError("model");
  }

  /** Frees the buffers. What waits for the GPU ends with an error, as does every call after it. */
  close(): void {
    this.#state.close();
  }

  /** Writes tokens to the sequence and runs all chunks of them but the last, whose run is left to the caller. */
  #append(ids: readonly number[]): { readonly entry: "prefill" | "decode"; readonly count: number } {
    this.#check(ids);
    let start = 0;
    for (; ids.length - start > this.chunk; start += this.chunk) {
      this.#write(ids.slice(start, start + this.chunk));
      this.#run("prefill", this.chunk);
    }
    const last = ids.slice(start);
    this.#write(last);
    return { entry: last.length === 1 ? "decode" : "prefill", count: last.length };
  }

  /** Chunk by chunk, for each call draws a token and puts it where the next chunk begins. */
  #write(ids: readonly number[]): void {
    this.checkOpen();
    this.#state.write("tokens", Int32Array.from(ids), 4 * this.#past);
  }

  #check(ids: readonly number[]): void {
    const { n_ctx, n_vocab } = this.facts;
    if (ids.length === 0)
      throw new RuntimeError("model", "there is no token to feed", "a text needs at least one token");
    if (this.#past + ids.length > n_ctx) {
      const held = this.#past === 0 ? "" : ` after ${this.#past} that it holds`;
      throw new RuntimeError("model", `${ids.length} tokens${held} do not fit in the context of ${n_ctx}`, {
        code: "context-full",
        hint: `shorten the text to ${n_ctx} tokens`,
      });
    }
    checkIds("model", ids, n_vocab);
  }

  #run(entry: string, count: number): void {
    this.#state.run(entry, { T: count, P: this.#past });
    this.#past += count;
  }

  async #draw(entry: string, count: number): Promise<number> {
    this.checkOpen();
    const symbols = { T: count, P: this.#past };
    const position = this.#past + count;
    if (position > this.facts.n_ctx)
      throw new RuntimeError("model", `the context of ${this.facts.n_ctx} is full`, {
        code: "context-full",
        hint: "start anew, or with a shorter text",
      });
    this.#past = position;
    const bytes = await this.#read(
      this.#state.runAndRead(entry, symbols, { buffer: "tokens", offset: 4 * position, size: 4 }),
    );
    const [token = -1] = new Int32Array(bytes);
    if (token < 0) throw notFinite(position);
    return token;
  }

  async #logits(entry: string, rows: number): Promise<Float32Array> {
    const [output] = this.#state.entry(entry).outputs;
    if (!output) throw new RuntimeError(`entry ${entry}`, "has no output");
    const data = await this.#read(this.#state.read(output, { T: rows, P: this.#past }));
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

/** Beyond these, f32 can't divide logits by it; the draw is greedy, or uniform, long before. */
const f32Temperature = ({ temperature }: SamplerSettings): number =>
  temperature < 1e-30 ? 0 : Math.min(temperature, 1e30);

/** What `sample_token` could not draw from. */
const notFinite = (position: number): RuntimeError =>
  new RuntimeError(`token ${position}`, "its logits are no distribution: one is NaN or infinite", {
    code: "not-finite",
    hint: "the weights are damaged, or an f16 overflowed on the way: check the checkpoint, or load it with f32 weights",
  });
