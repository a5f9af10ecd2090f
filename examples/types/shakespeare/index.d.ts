import { type AdapterReport, type GenerateOptions, type GenerateResult, type GenerateStep, type GpuChoice, type GpuOptions, type ModuleOptions, type Session, type Tensor, type Tokenizer, type TurnOptions, type WeightsChoice } from "wgpt/runtime";
/** What is known of the model before it is loaded. */
export declare const facts: {
  readonly name: "shakespeare";
  readonly target: "webgpu-default";
  readonly n_layer: 6;
  readonly n_ctx: 256;
  readonly n_vocab: 1024;
  readonly eos_token_ids: readonly [1023];
  readonly n_head: 4;
  readonly n_embd: 128;
  readonly n_positions: 256;
  readonly n_inner: 512;
  readonly layer_norm_epsilon: 0.00001;
  readonly activation_function: "gelu_new";
  readonly tie_word_embeddings: true;
  readonly scale_attn_weights: true;
  readonly scale_attn_by_inverse_layer_idx: false;
  readonly position_encoding: "learned";
  readonly weights: "f32";
  readonly chunk: 128;
  readonly variants: readonly ["base", "subgroups"];
};
/**
 * The model, loaded: one sequence of up to 256 tokens, and as many others as `session` opens.
 * A call waits until those before it have ended. `generate` ends when the loop over it is left, so that a call that is
 * awaited inside that loop waits for ever.
 */
export interface Shakespeare {
  /** What is known of the model before it is loaded. */
  readonly facts: typeof facts;
  /** Which of the bundle's variants runs. */
  readonly variant: (typeof facts.variants)[number];
  /** What it runs on. */
  readonly adapter: AdapterReport;
  /** From text to ids and back. */
  readonly tokenizer: Tokenizer;
  /** How many tokens its own session holds. */
  readonly past: number;
  /** Bytes of all its GPU buffers. */
  readonly bufferBytes: number;
  /**
   * Appends tokens, in chunks of 128: ids from 0 to 1023, with those before them 256 at most.
   * Returns the logits after the last one, f32[1, 1024], before any softmax.
   * @throws RuntimeError for an id that is none, and a context that is full.
   */
  prefill(tokens: readonly number[]): Promise<Tensor<"f32", readonly [rows: 1, n_vocab: 1024]>>;
  /**
   * Appends one token, an id from 0 to 1023, and returns the logits after it, f32[1, 1024].
   * @throws RuntimeError for an id that is none, and a context that is full.
   */
  decode(token: number): Promise<Tensor<"f32", readonly [rows: 1, n_vocab: 1024]>>;
  /**
   * Appends tokens and returns the logits after each of them, f32[tokens, 1024].
   * @throws RuntimeError for an id that is none, and a context that is full.
   */
  logits(tokens: readonly number[]): Promise<Tensor<"f32", readonly [rows: number, n_vocab: 1024]>>;
  /**
   * Forgets all tokens and continues `prompt`: yields each new token, and returns them all with the reason of the end.
   * @throws RuntimeError for options out of range, and a prompt of more than 256 tokens.
   */
  generate(prompt: string | readonly number[], options: GenerateOptions): AsyncGenerator<GenerateStep, GenerateResult>;
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
export declare function load(gpu?: GpuChoice<GpuOptions>, weights?: WeightsChoice, options?: ModuleOptions): Promise<Shakespeare>;
