// tiny for webgpu-default, compiled by wgpt. Generated: change the model or the compiler's options, not this file.
import { type AdapterReport, type GenerateOptions, type GenerateResult, type GenerateStep, type GpuChoice, type GpuOptions, type ModuleOptions, type Session, type Tensor, type TurnOptions, type WeightsChoice, folderOf, loadBundle } from "wgpt/runtime";

/** What is known of the model before it is loaded. */
export const facts = {
  name: "tiny",
  target: "webgpu-default",
  n_layer: 2,
  n_ctx: 32,
  n_vocab: 61,
  eos_token_ids: [60],
  n_head: 2,
  n_embd: 16,
  n_positions: 32,
  n_inner: 64,
  layer_norm_epsilon: 0.00001,
  activation_function: "gelu_new",
  tie_word_embeddings: true,
  scale_attn_weights: true,
  scale_attn_by_inverse_layer_idx: false,
  position_encoding: "learned",
  weights: "f32",
  chunk: 8,
  variants: ["base", "subgroups"],
} as const;

/**
 * The model, loaded: one sequence of up to 32 tokens, and as many others as `session` opens.
 * A call waits until those before it have ended. `generate` ends when the loop over it is left, so that a call that is
 * awaited inside that loop waits for ever.
 */
export interface Tiny {
  /** What is known of the model before it is loaded. */
  readonly facts: typeof facts;
  /** Which of the bundle's variants runs. */
  readonly variant: (typeof facts.variants)[number];
  /** What it runs on. */
  readonly adapter: AdapterReport;
  /** The bundle holds none. */
  readonly tokenizer: undefined;
  /** How many tokens its own session holds. */
  readonly past: number;
  /** Bytes of all its GPU buffers. */
  readonly bufferBytes: number;
  /**
   * Appends tokens, in chunks of 8: ids from 0 to 60, with those before them 32 at most.
   * Returns the logits after the last one, f32[1, 61], before any softmax.
   * @throws RuntimeError for an id that is none, and a context that is full.
   */
  prefill(tokens: readonly number[]): Promise<Tensor<"f32", readonly [rows: 1, n_vocab: 61]>>;
  /**
   * Appends one token, an id from 0 to 60, and returns the logits after it, f32[1, 61].
   * @throws RuntimeError for an id that is none, and a context that is full.
   */
  decode(token: number): Promise<Tensor<"f32", readonly [rows: 1, n_vocab: 61]>>;
  /**
   * Appends tokens and returns the logits after each of them, f32[tokens, 61].
   * @throws RuntimeError for an id that is none, and a context that is full.
   */
  logits(tokens: readonly number[]): Promise<Tensor<"f32", readonly [rows: number, n_vocab: 61]>>;
  /**
   * Forgets all tokens and continues `prompt`: yields each new token, and returns them all with the reason of the end.
   * @throws RuntimeError for options out of range, and a prompt of more than 32 tokens.
   */
  generate(prompt: readonly number[], options: GenerateOptions): AsyncGenerator<GenerateStep, GenerateResult>;
  /** Forgets all tokens. */
  reset(): Promise<void>;
  /** Opens one more sequence, which shares the weights, waits for no other, and has `generate`, `score`, `rewind` and more. */
  session(options?: TurnOptions): Promise<Session>;
  /**
   * Frees what the model holds on the GPU, and the device unless it was given to `load`.
   * Calls that run, wait or come later say that the session is closed.
   */
  close(): Promise<void>;
}

/**
 * Loads the model onto a GPU.
 * @param gpu - a device that is open, or how to choose one; the best adapter when absent.
 * @param weights - a checkpoint's folder or address, or any source; the packed weights when absent.
 * @param options - which variant, and where the bundle's files lie if a bundler moved this module.
 * @throws RuntimeError when no adapter can run it, or the weights are missing or do not fit.
 */
export async function load(gpu?: GpuChoice<GpuOptions>, weights?: WeightsChoice, options?: ModuleOptions): Promise<Tiny> {
  const model = await loadBundle(options?.base ?? folderOf(import.meta.url), gpu, weights, options);
  return {
    facts,
    variant: model.variantIn(facts.variants),
    adapter: model.adapter,
    tokenizer: undefined,
    get past() { return model.past; },
    get bufferBytes() { return model.bufferBytes; },
    prefill: (tokens) => model.append(tokens, [1, 61]),
    decode: (token) => model.append([token], [1, 61]),
    logits: (tokens) => model.appendAll(tokens, 61),
    generate: (prompt, options) => model.generate(prompt, options),
    reset: () => model.reset(),
    session: (options) => model.session(options),
    close: () => model.close(),
  };
}
