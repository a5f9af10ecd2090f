// Many sequences at a time on one plan: a decode step is a row of each. Tokens, positions and pages stay on the GPU, and what a step
// draws the next one reads.
import { BATCH_BUFFERS, type BatchSpec } from "../base/batch.ts";
import { bufferBytes, type Plan, type PlanModel, symbolMaxima } from "../base/plan.ts";
import type { OpenDevice } from "./device.ts";
import { optionError, RuntimeError } from "./errors.ts";
import { Executor } from "./executor.ts";
import { checkSampler, checkSeed, type SamplerSettings, settingsData, suppressedBits } from "./sampling.ts";
import type { TensorData } from "./storage-buffer.ts";
import { checkIds } from "./vocabulary.ts";
import type { WeightSource } from "./weights/source.ts";
import { uploadWeights } from "./weights/upload-weights.ts";

const { tokens, positions, sequence, pages, settings, seed, suppressed } = BATCH_BUFFERS;

/** A text of a batch, and how its tokens are drawn. */
export interface BatchPrompt {
  /** Token ids, one at least. */
  readonly ids: readonly number[];
  /** Greedy when absent. */
  readonly sampler?: SamplerSettings;
  /** 0 when absent. */
  readonly seed?: number;
}

const GREEDY: SamplerSettings = { temperature: 0 };

/** Sequences that are decoded together: a plan of `compileBatch` with weights on a device. */
export class Batch {
  readonly facts: PlanModel;
  readonly spec: BatchSpec;
  readonly #executor: Executor;
  /** Tokens of each sequence. */
  #lengths: number[] = [];
  #longest = 0;

  private constructor(executor: Executor, facts: PlanModel, spec: BatchSpec) {
    this.#executor = executor;
    this.facts = facts;
    this.spec = spec;
  }

  /**
   * Loads the plan's weights and makes its buffers. `spec` is the one that the plan was compiled for.
   * @throws RuntimeError as `uploadWeights` and `LoadedPlan.load` do, and for a plan that is no batch of that size.
   */
  static async load(open: OpenDevice, plan: Plan, source: WeightSource, spec: BatchSpec): Promise<Batch> {
    const { model } = plan;
    const maxima = symbolMaxima(plan);
    const sizeOf = (name: string): number => {
      const buffer = plan.buffers.find((b) => b.name === name);
      return buffer ? bufferBytes(buffer, maxima) : 0;
    };
    if (!model || sizeOf(pages) === 0)
      throw optionError(`plan ${plan.name}`, "is no batch", "`compileBatch` makes one");
    const wanted = { [pages]: 4 * spec.sequences * Math.ceil(model.n_ctx / spec.pageSize), [positions]: 4 * spec.rows };
    const other = Object.entries(wanted).find(([name, bytes]) => sizeOf(name) !== bytes);
    if (other)
      throw optionError(
        `plan ${plan.name}`,
        `has ${sizeOf(other[0])} bytes of ${other[0]}, but a batch of this size has ${other[1]}`,
        "give the options that it was compiled with to `batchSpec`",
      );
    const weights = await uploadWeights(open, plan, source);
    try {
      return new Batch(await Executor.create(open, plan, weights), model, spec);
    } finally {
      weights.close();
    }
  }

  /** Bytes of the device that it takes. */
  get bufferBytes(): number {
    return this.#executor.bufferBytes;
  }

  /**
   * Forgets what there was, and begins with a prompt for each sequence. All but the last token of each are computed; `decode` begins with
   * the last ones.
   * @throws RuntimeError for another number of prompts, one without tokens or too long, ids that are none, and settings out of range.
   */
  async start(prompts: readonly BatchPrompt[]): Promise<void> {
    const { n_ctx, n_vocab } = this.facts;
    const { sequences, pageSize } = this.spec;
    if (prompts.length !== sequences)
      throw optionError("batch", `has ${sequences} sequences, but is given ${prompts.length} prompts`);
    const room = n_ctx + 1;
    const texts = new Int32Array(sequences * room);
    prompts.forEach(({ ids, sampler = GREEDY, seed: own = 0 }, s) => {
      checkIds(`prompt ${s}`, ids, n_vocab);
      if (ids.length === 0 || ids.length > n_ctx)
        throw optionError(`prompt ${s}`, `has ${ids.length} tokens, but the context is ${n_ctx}`, `give 1 to ${n_ctx}`);
      checkSampler(sampler, `sampler of prompt ${s}`);
      checkSeed(own, `seed of prompt ${s}`);
      texts.set(ids, s * room);
    });
    const perSequence = Math.ceil(n_ctx / pageSize);
    // Pages of all sequences in turn: which is whose, the table says.
    const table = Int32Array.from(
      { length: sequences * perSequence },
      (_, i) => (i % perSequence) * sequences + Math.floor(i / perSequence),
    );
    this.#write(tokens, texts);
    this.#write(pages, table);
    this.#write(
      settings,
      concat(
        prompts.map(({ sampler = GREEDY }) => settingsData(sampler, n_vocab)),
        Float32Array,
      ),
    );
    this.#write(
      seed,
      Uint32Array.from(prompts, (p) => p.seed ?? 0),
    );
    const bits = prompts.map(({ sampler = GREEDY }, s) =>
      suppressedBits(sampler.suppressTokens ?? [], n_vocab, `sampler of prompt ${s}`),
    );
    this.#write(suppressed, concat(bits, Uint32Array));
    const rows = prompts.flatMap(({ ids }, s) => Array.from({ length: ids.length - 1 }, (_, p) => [s, p] as const));
    const [symbol] = this.#executor.entry("logits").symbols;
    for (let first = 0; first < rows.length; first += this.spec.rows) {
      const chunk = rows.slice(first, first + this.spec.rows);
      this.#place(chunk);
      this.#executor.run("logits", symbol === undefined ? {} : { [symbol]: chunk.length });
    }
    this.#place(prompts.map(({ ids }, s) => [s, ids.length - 1] as const));
    this.#lengths = prompts.map(({ ids }) => ids.length);
    this.#longest = Math.max(...this.#lengths);
    await this.#executor.finish("batch");
  }

  /**
   * Draws `steps` tokens for each sequence, and returns them by sequence. All steps are submitted at once; nothing is written between them,
   * so that a sequence which has drawn an end token goes on: what follows it is the caller's to drop.
   * @throws RuntimeError where one does not fit, and where logits are no distribution.
   */
  async decode(steps: number): Promise<readonly (readonly number[])[]> {
    const { n_ctx } = this.facts;
    if (this.#lengths.length === 0) throw optionError("batch", "has no prompts yet", "`start` gives them");
    if (!(Number.isInteger(steps) && steps >= 0 && this.#longest + steps <= n_ctx + 1))
      throw optionError(
        "batch",
        `${steps} tokens after ${this.#longest} do not fit, for the context is ${n_ctx}`,
        `give ${n_ctx + 1 - this.#longest} or less`,
      );
    for (let i = 0; i < steps; i++) this.#executor.run("decode", {});
    const room = n_ctx + 1;
    const texts = new Int32Array(await this.#executor.readBytes(tokens, 4 * this.spec.sequences * room));
    const drawn = this.#lengths.map((n, s) => [...texts.subarray(s * room + n, s * room + n + steps)]);
    const bad = drawn.findIndex((ids) => ids.some((id) => id < 0));
    if (bad >= 0) throw new RuntimeError(`sequence ${bad}`, "has logits that are no distribution");
    this.#lengths = this.#lengths.map((n) => n + steps);
    this.#longest += steps;
    return drawn;
  }

  /** The logits f32[sequences · n_vocab] of the last step. */
  async lastLogits(): Promise<Float32Array> {
    const [logits] = this.#executor.entry("decode").outputs;
    if (!logits) throw new RuntimeError("batch", "its plan has no logits");
    return (await this.#executor.read(logits, {})) as Float32Array;
  }

  /** Frees its buffers. */
  close(): void {
    this.#executor.destroy();
  }

  #write(buffer: string, data: TensorData): void {
    this.#executor.write(buffer, data);
  }

  #place(rows: readonly (readonly [sequence: number, position: number])[]): void {
    this.#write(
      sequence,
      Int32Array.from(rows, ([s]) => s),
    );
    this.#write(
      positions,
      Int32Array.from(rows, ([, p]) => p),
    );
  }
}

function concat<A extends Float32Array | Uint32Array>(parts: readonly A[], Made: new (length: number) => A): A {
  const all = new Made(parts.reduce((n, p) => n + p.length, 0));
  let start = 0;
  for (const part of parts) {
    all.set(part, start);
    start += part.length;
  }
  return all;
}
