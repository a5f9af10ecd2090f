/**
 * The runtime, on Node: loads and runs plans and bundles. It loads no compiler package. A browser gets browser.ts instead.
 * @module wgpt/runtime
 */
import { openBundleFolder, pathOf } from "./bundle-folder.ts";
import type { BundleModel } from "./bundle-model.ts";
import { type DawnOptions, openDawn } from "./dawn.ts";
import { freeBytes } from "./free-memory.ts";
import type { GraphModel } from "./graph-model.ts";
import type { Address } from "./host-types.ts";
import {
  type Environment,
  type GpuChoice,
  type LoadOptions,
  loadBundleIn,
  loadGraphBundleIn,
  openBundleIn,
  type WeightsChoice,
} from "./load-bundle.ts";
import type { Model } from "./model.ts";
import { openCheckpoint } from "./weights/file-source.ts";

export * from "./common.ts";
export { type DawnBackend, type DawnOptions, findAdapter, openDawn } from "./dawn.ts";
export { OPTIONAL_FEATURES } from "./device.ts";
export { bundleError, fileError, optionError, weightsError } from "./errors.ts";
export { freeBytes } from "./free-memory.ts";
export { warnOfLoss } from "./replaceable-device.ts";
export { loadTokenizer } from "./tokenizer-files.ts";
export { checkIds } from "./vocabulary.ts";
export { openCheckpoint } from "./weights/file-source.ts";
export { RANDOM_DTYPES } from "./weights/random-values.ts";
export type { TensorToWrite } from "./weights/write-safetensors.ts";
export {
  createSafetensors,
  type SafetensorsFile,
  type SafetensorsOptions,
  writeSafetensors,
} from "./weights/write-safetensors-file.ts";

/** How Dawn chooses an adapter. */
export type GpuOptions = DawnOptions;

const NODE: Environment<GpuOptions> = {
  openFiles: openBundleFolder,
  openGpu: openDawn,
  openWeights: (place) => openCheckpoint(pathOf(place)),
  freeBytes,
  warn: (message) => process.emitWarning(message, "WgptWarning"),
};

/** Loads the bundle of a language model in `folder`, a path or a `file:` address. See `loadBundleIn`. */
export const loadBundle = (
  folder: Address,
  gpu?: GpuChoice<GpuOptions>,
  weights?: WeightsChoice,
  options?: LoadOptions,
): Promise<BundleModel> => loadBundleIn(NODE, folder, gpu, weights, options);

/** Opens the bundle of a language model in `folder`, a path or a `file:` address, as a model that gives sessions. See `openBundleIn`. */
export const openBundle = (
  folder: Address,
  gpu?: GpuChoice<GpuOptions>,
  weights?: WeightsChoice,
  options?: LoadOptions,
): Promise<Model> => openBundleIn(NODE, folder, gpu, weights, options);

/** Loads the bundle of graphs of any kind in `folder`, a path or a `file:` address. See `loadGraphBundleIn`. */
export const loadGraphBundle = (
  folder: Address,
  gpu?: GpuChoice<GpuOptions>,
  weights?: WeightsChoice,
  options?: LoadOptions,
): Promise<GraphModel> => loadGraphBundleIn(NODE, folder, gpu, weights, options);
