// The runtime for a browser: all of index.ts but what reads a disk or loads Dawn. package.json's `exports` gives it to
// bundlers and import maps that ask for `browser`.
import type { BundleModel } from "./bundle-model.ts";
import { openBundleUrl } from "./bundle-url.ts";
import { type OpenDevice, openDevice } from "./device.ts";
import { RuntimeError } from "./errors.ts";
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
import { openSafetensorsUrl } from "./weights/url-source.ts";

export * from "./common.ts";

/** Nothing to choose: the browser picks the adapter. */
export type GpuOptions = Readonly<Record<string, never>>;

/**
 * Opens the browser's adapter.
 * @throws RuntimeError that says why where there is no WebGPU.
 */
export function openGpu(): Promise<OpenDevice> {
  const { navigator } = globalThis as { readonly navigator?: { readonly gpu?: GPU } };
  const gpu = navigator?.gpu;
  if (!gpu)
    throw new RuntimeError(
      "WebGPU",
      "this browser does not offer it",
      "use a current Chrome, Edge, Firefox or Safari, over https or on localhost",
    );
  return openDevice(gpu, "look at chrome://gpu, or try another browser");
}

const BROWSER: Environment<GpuOptions> = {
  openFiles: openBundleUrl,
  openGpu: async () => openGpu(),
  openWeights: openSafetensorsUrl,
  warn: (message) => console.warn(`wgpt: ${message}`),
};

/** Loads the bundle of a language model whose files lie under `folder`, an address. See `loadBundleIn`. */
export const loadBundle = (
  folder: Address,
  gpu?: GpuChoice<GpuOptions>,
  weights?: WeightsChoice,
  options?: LoadOptions,
): Promise<BundleModel> => loadBundleIn(BROWSER, folder, gpu, weights, options);

/** Opens the bundle of a language model whose files lie under `folder`, an address, as a model that gives sessions. See `openBundleIn`. */
export const openBundle = (
  folder: Address,
  gpu?: GpuChoice<GpuOptions>,
  weights?: WeightsChoice,
  options?: LoadOptions,
): Promise<Model> => openBundleIn(BROWSER, folder, gpu, weights, options);

/** Loads the bundle of graphs of any kind whose files lie under `folder`, an address. See `loadGraphBundleIn`. */
export const loadGraphBundle = (
  folder: Address,
  gpu?: GpuChoice<GpuOptions>,
  weights?: WeightsChoice,
  options?: LoadOptions,
): Promise<GraphModel> => loadGraphBundleIn(BROWSER, folder, gpu, weights, options);
