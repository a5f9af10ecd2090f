/**
 * Opens models: a checkpoint's folder, compiled for the adapter, or a bundle. What the command does, for programs.
 * @module wgpt/engine
 */

export { MOST_FILE_BYTES } from "../runtime/bounds.ts";
export { type Destination, type DestinationFile, openDestination } from "../runtime/destination.ts";
export { parseJson } from "../runtime/json.ts";
export { isMissing, realPath } from "../runtime/real-path.ts";
export { readBeginning, readRegular, readRegularText } from "../runtime/regular-file.ts";
export type { FoundTokenizer } from "../runtime/tokenizer-files.ts";
export { USE_IDS } from "../runtime/tokenizer-json.ts";
export { type CheckedBundle, checkBundle } from "./check-bundle.ts";
export {
  ASKED_DTYPES,
  type AskedDType,
  CACHE_DTYPES,
  type CheckedCheckpoint,
  checkCheckpoint,
  chooseDType,
  storedDType,
} from "./check-checkpoint.ts";
export {
  countBytes,
  dealShards,
  INDEX,
  listWeights,
  METADATA,
  printConfig,
  printIndex,
  type WeightFile,
} from "./checkpoint-files.ts";
export type { ExpectedBundle } from "./expected-bundle.ts";
export { entriesOf, isGraphFile, nameOf, readGraphs } from "./graph-file.ts";
export { modelFolder, modelPaths } from "./model-paths.ts";
export { type OpenBatchOptions, type OpenedBatch, openBatch } from "./open-batch.ts";
export {
  embeddedModel,
  type OpenedModel,
  type OpenModelOptions,
  openCheckpointModel,
  openModel,
  type Watching,
} from "./open-model.ts";
export { type Packed, type Packing, packWeights } from "./pack-weights.ts";
export { type Families, presetNames, type ReadModel, readModel, withContext } from "./read-model.ts";
export { decodeText, readIfThere, reasonOf, wayOutOf } from "./text.ts";
export { type FoundVocabulary, findVocabulary } from "./vocabulary.ts";
