// From a bundle's files to a model that runs: what a generated module calls. What is special to Node or to a browser comes
// as an Environment; see index.ts and browser.ts.
import { adapterFamily, type BundlePlan, PLAIN_TARGET } from "../base/index.ts";
import {
  type BundleFiles,
  chooseVariant,
  readBundleFile,
  readBundlePlan,
  readBundleWeights,
  readPlan,
} from "./bundle.ts";
import { BundleModel } from "./bundle-model.ts";
import { type AdapterReport, type OpenDevice, printAdapter } from "./device.ts";
import type { Address } from "./host-types.ts";
import { Model } from "./model.ts";
import { openPackedWeights } from "./packed-weights.ts";
import { createTokenizer, type Tokenizer } from "./tokenizer.ts";
import type { TurnOptions } from "./turns.ts";
import type { WeightSource } from "./weights/source.ts";
import type { LoadProgress } from "./weights/stream-weights.ts";

/** How this side of the world opens files and GPUs. `G` are the options with which it chooses an adapter. */
export interface Environment<G> {
  openFiles(folder: Address): Promise<BundleFiles>;
  openGpu(options?: G): Promise<OpenDevice>;
  /** A checkpoint, by its folder or address. */
  openWeights(place: Address): Promise<WeightSource>;
  /** Tells the user what is no error, unless the caller wants to. */
  warn(message: string): void;
}

/** How to load a bundle. */
export interface LoadOptions extends TurnOptions {
  /** The variant to run, whatever else the adapter could; the last that it can, when absent. */
  readonly variant?: string;
  /** Compares packed weights with their hashes before they are used. */
  readonly verify?: boolean;
  /** Hears how many bytes of weights are on the GPU. */
  readonly onProgress?: (progress: LoadProgress) => void;
  /**
   * Hears what the user should know though it is no error, once in a process for each bundle; a warning of the process on
   * Node, and of the console in a browser, when absent.
   */
  readonly onWarning?: (message: string) => void;
}

/** What a bundle's `load` takes: how to load, and where from. */
export interface ModuleOptions extends LoadOptions {
  /**
   * The folder of the bundle's files, when they are not beside its module: a bundler moves the module into a file of its
   * own making, and the files stay behind. In a browser, text is resolved against the page's address; on Node it is a path
   * or a `file:` address.
   */
  readonly base?: Address;
}

/** A device that is open already, or the options to open one; or nothing, for the best adapter there is. */
export type GpuChoice<G> = OpenDevice | G;
/** Packed weights when absent; else a checkpoint's folder or address, or any source. */
export type WeightsChoice = WeightSource | Address;

/**
 * Loads the bundle in `folder`. A device that it opened is closed with the model; one that was given stays.
 * @throws RuntimeError for a bundle of another format version, an adapter that can run none of its variants, and weights
 * that are missing or do not fit.
 */
export async function loadBundleIn<G extends object>(
  environment: Environment<G>,
  folder: Address,
  gpu?: GpuChoice<G>,
  weights?: WeightsChoice,
  options: LoadOptions = {},
): Promise<BundleModel> {
  const files = await environment.openFiles(folder);
  const closers: (() => void | Promise<void>)[] = [() => files.close()];
  try {
    const bundle = await readBundlePlan(files);
    const map = await readBundleWeights(files);
    const open = isOpen(gpu) ? gpu : await environment.openGpu(gpu);
    if (open !== gpu) closers.push(() => open.close());
    const variant = chooseVariant(bundle, open, options.variant);
    const plan = await readPlan(files, bundle, variant, map);
    const source = await openSource(environment, files, map, weights, options);
    // What was packed lies as the plan has it; what was not has to be looked up in the whole tensors of a checkpoint.
    const parts = weights === undefined ? plan.weights.map(({ part: _, ...w }) => w) : plan.weights;
    const { onProgress, busy, onWarning = environment.warn } = options;
    const model = await Model.load(open, { ...plan, weights: parts }, source, {
      ...(onProgress && { onProgress }),
      ...(busy && { busy }),
    });
    await source.close();
    const tokenizer = await readTokenizer(files, bundle.tokenizer);
    warnOfBetterTarget(files.place, bundle, open.adapter, onWarning);
    return new BundleModel(model, variant.name, tokenizer, async () => {
      model.destroy();
      for (const close of closers.toReversed()) await close();
    });
  } catch (error) {
    for (const close of closers.toReversed()) await close();
    throw error;
  }
}

/** Bundles whose users have been told. */
const told = new Set<string>();

function warnOfBetterTarget(
  place: string,
  { target }: BundlePlan,
  adapter: AdapterReport,
  warn: (message: string) => void,
): void {
  const better = adapterFamily(adapter);
  if (target !== PLAIN_TARGET || better === PLAIN_TARGET || told.has(place)) return;
  told.add(place);
  warn(
    `${place}: is compiled for ${target}, which suits any adapter, but there is a target for ${printAdapter(adapter)}: compile with --target ${better}`,
  );
}

const isOpen = (gpu: object | undefined): gpu is OpenDevice => gpu !== undefined && "device" in gpu && "check" in gpu;

function openSource<G>(
  environment: Environment<G>,
  files: BundleFiles,
  map: Parameters<typeof openPackedWeights>[1],
  weights: WeightsChoice | undefined,
  { verify = false }: LoadOptions,
): Promise<WeightSource> {
  if (weights === undefined) return openPackedWeights(files, map, verify);
  if (typeof weights === "string" || weights instanceof URL) return environment.openWeights(weights);
  return Promise.resolve(weights);
}

async function readTokenizer(files: BundleFiles, names: readonly string[] | undefined): Promise<Tokenizer | undefined> {
  if (!names) return undefined;
  const [json, config] = await Promise.all(names.map((name) => readBundleFile(files, name)));
  return createTokenizer(`${files.place}/${names[0]}`, json, config);
}
