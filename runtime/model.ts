// A loaded model: a plan on a device with its weights, and how many tokens its caches hold.
import type { AdapterReport, OpenDevice } from "./device.ts";
import { RuntimeError } from "./errors.ts";
import { Executor } from "./executor.ts";
import type { Plan, PlanModel } from "./plan.ts";
import { matchWeights } from "./weights/match.ts";
import type { WeightSource } from "./weights/source.ts";
import { type NotFinite, sourceOf, type UploadOptions, uploadWeights } from "./weights/upload.ts";

export class Model {
  readonly facts: PlanModel;
  readonly adapter: AdapterReport;
  /** Tensors of the checkpoint that the model does not want. */
  readonly surplus: readonly string[];
  /** Weights with values that are not finite, when loading looked for them. */
  readonly notFinite: readonly NotFinite[];
  readonly #executor: Executor;
  #past = 0;

  private constructor(
    executor: Executor,
    facts: PlanModel,
    adapter: AdapterReport,
    surplus: readonly string[],
    notFinite: readonly NotFinite[],
  ) {
    this.#executor = executor;
    this.facts = facts;
    this.adapter = adapter;
    this.surplus = surplus;
    this.notFinite = notFinite;
  }

  /** Checks the checkpoint against the plan, then compiles the shaders and uploads the weights in bounded chunks. */
  static async load(open: OpenDevice, plan: Plan, source: WeightSource, options: UploadOptions = {}): Promise<Model> {
    const { model } = plan;
    if (!model)
      throw new RuntimeError(`plan ${plan.name}`, "describes no language model", "compile it with compileGpt2");
    const wanted = new Map(plan.weights.map(sourceOf).map((w) => [w.name, w]));
    const { found, surplus } = matchWeights([...wanted.values()], source);
    const executor = await Executor.create(open, plan);
    const notFinite = await uploadWeights(executor, plan.weights, source, found, options);
    return new Model(executor, model, open.adapter, surplus, notFinite);
  }

  /** How many tokens the caches hold. */
  get past(): number {
    return this.#past;
  }
  /** The most tokens that one call takes. */
  get chunk(): number {
    return this.#executor.plan.maxima.T ?? 1;
  }
  /** Bytes of all GPU buffers. */
  get bufferBytes(): number {
    return this.#executor.bufferBytes;
  }
  /** Kernel launches of one decode step. */
  get dispatchesPerToken(): number {
    return this.#executor.entry("decode").steps.length;
  }

  /** Forgets all tokens. */
  reset(): void {
    this.#past = 0;
  }

  /** Appends tokens and returns the logits [n_vocab] after the last one. A long prompt is fed in chunks. */
  async feed(ids: readonly number[]): Promise<Float32Array> {
    this.#check(ids);
    for (let start = 0; start < ids.length; start += this.chunk)
      this.#run(ids.length - start === 1 ? "decode" : "prefill", ids.slice(start, start + this.chunk));
    return this.#logits(ids.length % this.chunk === 1 || this.chunk === 1 ? "decode" : "prefill", 1);
  }

  /** Appends tokens and yields the logits of every one, chunk by chunk: [rows, n_vocab]. */
  async *feedAll(
    ids: readonly number[],
  ): AsyncGenerator<{ readonly start: number; readonly rows: number; readonly logits: Float32Array }> {
    this.#check(ids);
    for (let start = 0; start < ids.length; start += this.chunk) {
      const chunk = ids.slice(start, start + this.chunk);
      this.#run("logits", chunk);
      yield { start, rows: chunk.length, logits: await this.#logits("logits", chunk.length) };
    }
  }

  destroy(): void {
    this.#executor.destroy();
  }

  #check(ids: readonly number[]): void {
    const { n_ctx, n_vocab } = this.facts;
    if (ids.length === 0)
      throw new RuntimeError("model", "there is no token to feed", "a text needs at least one token");
    if (this.#past + ids.length > n_ctx) {
      const held = this.#past === 0 ? "" : ` after ${this.#past} that it holds`;
      throw new RuntimeError(
        "model",
        `${ids.length} tokens${held} do not fit in the context of ${n_ctx}`,
        `shorten the text to ${n_ctx} tokens`,
      );
    }
    const wrong = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= n_vocab);
    if (wrong !== undefined)
      throw new RuntimeError(
        "model",
        `token ${wrong} is not in the vocabulary of ${n_vocab}`,
        `token ids are 0 to ${n_vocab - 1}`,
      );
  }

  #run(entry: string, ids: readonly number[]): void {
    this.#executor.write("tokens", Int32Array.from(ids));
    this.#executor.run(entry, { T: ids.length, P: this.#past });
    this.#past += ids.length;
  }

  async #logits(entry: string, rows: number): Promise<Float32Array> {
    const [output] = this.#executor.entry(entry).outputs;
    if (!output) throw new RuntimeError(`entry ${entry}`, "has no output");
    const data = await this.#executor.read(output, { T: rows, P: this.#past });
    return data instanceof Float32Array ? data : Float32Array.from(data);
  }
}
