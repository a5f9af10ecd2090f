/**
 * The runtime, on Node: loads and runs plans and bundles. It loads no compiler package. A browser gets browser.ts instead.
 * @module wgpt/runtime
 */
import { openBundleFolder, pathOf } from "./bundle-folder.ts";
import type { BundleModel } from "./bundle-model.ts";
import { type DawnOptions, openDawn } from "./dawn.ts";
import type { Address } from "./host-types.ts";
import { type GpuChoice, type LoadOptions, loadBundleIn, type WeightsChoice } from "./load-bundle.ts";
import { openCheckpoint } from "./weights/file-source.ts";

export * from "./common.ts";
export { type DawnBackend, type DawnOptions, findAdapter, openDawn } from "./dawn.ts";
export { loadTokenizer } from "./tokenizer-files.ts";
export { openCheckpoint } from "./weights/file-source.ts";

/** How Dawn chooses an adapter. */
export type GpuOptions = DawnOptions;

/** Loads the bundle in `folder`, a path or a `file:` address. See `loadBundleIn`. */
export const loadBundle = (
  folder: Address,
  gpu?: GpuChoice<GpuOptions>,
  weights?: WeightsChoice,
  options?: LoadOptions,
): Promise<BundleModel> =>
  loadBundleIn(
    {
      openFiles: openBundleFolder,
      openGpu: openDawn,
      openWeights: (place) => openCheckpoint(pathOf(place)),
      warn: (message) => process.emitWarning(message, "WgptWarning"),
    },
    folder,
    gpu,
    weights,
    options,
  );
