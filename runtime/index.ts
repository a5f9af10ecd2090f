// The runtime: loads and runs plans. It loads no compiler package.
export { type DawnBackend, type DawnOptions, findAdapter, openDawn } from "./dawn.ts";
export { type AdapterReport, describeAdapter, type OpenDevice, openDevice, printAdapter } from "./device.ts";
export { type DrawOptions, drawAhead } from "./draw-ahead.ts";
export { RuntimeError } from "./errors.ts";
export { Executor, type TensorData } from "./executor.ts";
export {
  type FinishReason,
  type GenerateOptions,
  type GenerateResult,
  type GenerateStep,
  generate,
} from "./generate.ts";
export {
  checkMemory,
  largestBuffers,
  type MemoryBounds,
  type MemoryNeed,
  memoryNeed,
  memoryParts,
  printBytes,
  printNeed,
} from "./memory.ts";
export { Model } from "./model.ts";
export * from "./plan.ts";
export { createRng, type Rng } from "./rng.ts";
export { logSoftmax, type SamplerSettings, type TokenScore, topTokens } from "./sampler.ts";
export { type ScoreOptions, type ScoreResult, score } from "./score.ts";
export { StopMatcher, TextStream } from "./text-stream.ts";
export { createTokenizer, type Tokenizer } from "./tokenizer.ts";
export { loadTokenizer } from "./tokenizer-files.ts";
export { openCheckpoint } from "./weights/file-source.ts";
export type { StoredTensor, WeightSource } from "./weights/source.ts";
export type { LoadProgress, NotFinite, UploadOptions } from "./weights/upload.ts";
