// What the runtime offers everywhere, on Node and in a browser.
export * from "../base/bundle.ts";
export type {
  CheckpointNames,
  Initialisation,
  InitialRule,
  RefusedTensor,
  TensorPattern,
  TiedHead,
} from "../base/checkpoint-names.ts";
export type { Count, Integer, PositiveCount } from "../base/counts.ts";
export type { DType, StoredDType } from "../base/dtype.ts";
export * from "../base/plan.ts";
export type {
  CastRecipe,
  ConcatRecipe,
  ReshapeRecipe,
  SliceRecipe,
  TensorRecipe,
  TransposeRecipe,
  WeightRecipe,
} from "../base/recipe.ts";
export { Batch, type BatchPrompt } from "./batch.ts";
export type { BundleFiles } from "./bundle.ts";
export type { BundleModel } from "./bundle-model.ts";
export { folderOf } from "./bundle-place.ts";
export { DecodeTimer } from "./decode-timer.ts";
export { type AdapterReport, describeAdapter, type OpenDevice, openDevice, printAdapter, type Wait } from "./device.ts";
export { type DrawOptions, drawAhead } from "./draw-ahead.ts";
export { type Fix, RuntimeError, WgptError } from "./errors.ts";
export { Executor } from "./executor.ts";
export type { FinishReason, GenerateOptions, GenerateResult, GenerateStep } from "./generate.ts";
export type { GraphModel, Inputs, Lengths, Results, ResultTypes } from "./graph-model.ts";
export type { Address, Gpu, GpuAdapter, GpuBuffer, GpuDevice } from "./host-types.ts";
export type { RegexEngine, RegexMatcher, RegexProgram } from "./linear-pattern.ts";
export type { GpuChoice, LoadOptions, ModuleOptions, WeightsChoice } from "./load-bundle.ts";
export { LoadedPlan } from "./loaded-plan.ts";
export { logSoftmax, type TokenScore, topTokens } from "./log-probabilities.ts";
export {
  checkMemory,
  largestBuffers,
  type MemoryBounds,
  type MemoryNeed,
  type MemoryUse,
  memoryNeed,
  memoryParts,
  type PlanChange,
  printBytes,
  printNeed,
} from "./memory.ts";
export { Model, type ModelOptions } from "./model.ts";
export { ReplaceableDevice } from "./replaceable-device.ts";
export { createRng, type Rng } from "./rng.ts";
export type { SamplerSettings } from "./sampling.ts";
export type { ScoreOptions, ScoreResult, TokenLikelihood } from "./score.ts";
export type { LogitsChunk, Sequence } from "./sequence.ts";
export type { Prompt, SequenceOwner, Turn } from "./sequence-owner.ts";
export type { BufferRange, SequenceState } from "./sequence-state.ts";
export { Session } from "./session.ts";
export { checkTimestamps, StepTimer, type StepTimes, type TimeSpan } from "./step-timer.ts";
export type { TensorData } from "./storage-buffer.ts";
export type { AnyTensor, Tensor, TensorArrays } from "./tensor.ts";
export { StopMatcher, TextStream } from "./text-stream.ts";
export { createTokenizer, type EncodeOptions, type Tokenizer } from "./tokenizer.ts";
export { regexEngineFor } from "./tokenizer-patterns.ts";
export type { TurnOptions } from "./turns.ts";
export { endTokens } from "./vocabulary.ts";
export { openRandomWeights, type RandomSource, type RandomTensor } from "./weights/random.ts";
export type { RandomDType } from "./weights/random-values.ts";
export type { StoredTensor, WeightSource } from "./weights/source.ts";
export type { LoadProgress, NotFinite, UploadOptions } from "./weights/stream-weights.ts";
export { uploadWeights } from "./weights/upload-weights.ts";
export { WeightBuffers, type WeightOrigin } from "./weights/weight-buffers.ts";
