// What one sequence has for itself on a loaded plan, as its users see it.
import type { Plan, PlanEntry, PlanSymbolValues, PlanTensor } from "../base/plan.ts";
import type { TensorData } from "./storage-buffer.ts";

/** Part of a buffer, in bytes; multiples of 4. */
export interface BufferRange {
  readonly buffer: string;
  readonly offset: number;
  readonly size: number;
}

/**
 * The state of one sequence on a loaded plan (caches, activations, inputs, outputs, staging), and the plan's entry points,
 * run on it. It never sees another sequence's state; weights and pipelines are the loaded plan's, for all.
 *
 * Calls put their work into the device's one queue in the order in which they are made, so that calls of several sequences may
 * be mixed in any way. Sizes and offsets are in bytes. When the device is lost, every call that needs it says so, with the code
 * `device-lost`, and what the states held is gone.
 */
export interface SequenceState {
  readonly plan: Plan;
  /** Bytes of the buffers that are the sequence's own and live as long as it; staging is not counted. */
  readonly bufferBytes: number;
  /** Whether `close` was called, of the sequence or of its loaded plan. Every other method throws then, with the code `closed`. */
  readonly closed: boolean;
  /**
   * An entry point of the plan.
   * @throws RuntimeError when it has none of that name.
   */
  entry(name: string): PlanEntry;
  /**
   * Writes part of an input, a state or another buffer of the sequence, from byte `offset` on. Offset and bytes are multiples of 4.
   * @throws RuntimeError for a buffer that is none or a weight, and bytes beyond its end.
   */
  write(buffer: string, data: Uint8Array<ArrayBuffer> | TensorData, offset?: number): void;
  /** Makes zeros of all states. */
  clearStates(): void;
  /**
   * Runs one entry point: one compute pass, one submit. The inputs must have been written.
   * @throws RuntimeError for an entry point that is none, and symbols that are missing or out of range.
   */
  run(name: string, symbols: PlanSymbolValues): void;
  /**
   * Runs one entry point and returns bytes of a buffer as they are right after it, without waiting for anything queued later:
   * any number of runs may be on their way at once.
   * @throws RuntimeError for what WebGPU reported, an entry point or a buffer that is none, and symbols out of range.
   */
  runAndRead(name: string, symbols: PlanSymbolValues, range: BufferRange): Promise<ArrayBuffer>;
  /**
   * An output's elements after `run`. Waits for the GPU.
   * @throws RuntimeError for what WebGPU reported.
   */
  read(output: PlanTensor, symbols: PlanSymbolValues): Promise<TensorData>;
  /** The first `size` bytes of a buffer, a weight's too, as they are when what was run before this call is done. */
  readBytes(buffer: string, size: number): Promise<ArrayBuffer>;
  /**
   * Waits for what is queued.
   * @throws RuntimeError for what WebGPU reported.
   */
  finish(place: string): Promise<void>;
  /** Frees the sequence's buffers and nothing else. Reads that wait for the GPU fail. A second call does nothing. */
  close(): void;
}
