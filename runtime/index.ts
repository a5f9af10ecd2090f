/**
 * The runtime, on Node: loads and runs plans and bundles. It loads no compiler package. A browser gets browser.ts instead.
 * @module wgpt/runtime
 */
// The next line goes into the .d.ts: without it, `GPUDevice` is unknown to a program whose settings do not name the package.
// A browser's program has these types from TypeScript's own DOM library, and the two do not go well together.
/// <reference types="@webgpu/types" preserve="true" />
import { fileURLToPath } from "node:url";
import { openBundleFolder } from "./bundle-folder.ts";
import type { BundleModel } from "./bundle-model.ts";
import { type DawnOptions, openDawn } from "./dawn.ts";
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
  folder: URL | string,
  gpu?: GpuChoice<GpuOptions>,
  weights?: WeightsChoice,
  options?: LoadOptions,
): Promise<BundleModel> =>
  loadBundleIn(
    {
      openFiles: openBundleFolder,
      openGpu: openDawn,
      openWeights: (place) => openCheckpoint(typeof place === "string" ? place : fileURLToPath(place)),
      warn: (message) => process.emitWarning(message, "WgptWarning"),
    },
    folder,
    gpu,
    weights,
    options,
  );
