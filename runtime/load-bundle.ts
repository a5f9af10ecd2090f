// From a bundle's files to a model that runs: what a generated module calls. What is special to Node or to a browser comes
// as an Environment; see index.ts and browser.ts.
import { type BundlePlan, nearestMachine, PLAIN_TARGET, type Plan, shortValue } from "../base/index.ts";
import { type BundleFiles, chooseVariant, parseBundleText, readBundle, readBundleText, readPlan } from "./bundle.ts";
import { BundleModel } from "./bundle-model.ts";
import { checkOptions } from "./check-call.ts";
import { type AdapterReport, isOpenDevice, type OpenDevice, printAdapter } from "./device.ts";
import { bundleError, optionError } from "./errors.ts";
import { GraphModel, type GraphOnDevice } from "./graph-model.ts";
import type { Address } from "./host-types.ts";
import { LoadedPlan } from "./loaded-plan.ts";
import { checkMemory, memoryNeed } from "./memory.ts";
import { Model } from "./model.ts";
import { openPackedWeights } from "./packed-weights.ts";
import { ReplaceableDevice, warnOfLoss } from "./replaceable-device.ts";
import { createTokenizer, type Tokenizer } from "./tokenizer.ts";
import { regexEngineFor } from "./tokenizer-patterns.ts";
import { TURN_KINDS, type TurnOptions } from "./turns.ts";
import type { WeightSource } from "./weights/source.ts";
import type { LoadProgress, UploadOptions } from "./weights/stream-weights.ts";
import { uploadWeights } from "./weights/upload-weights.ts";

/** How this side of the world opens files and GPUs. `G` are the options with which it chooses an adapter. */
export interface Environment<G> {
  openFiles(folder: Address): Promise<BundleFiles>;
  openGpu(options?: G): Promise<OpenDevice>;
  /** A checkpoint, by its folder or address. */
  openWeights(place: Address): Promise<WeightSource>;
  /** Bytes that the host has free; absent where nobody can tell, as in a browser. */
  freeBytes?(): number;
  /** Tells the user what is no error, unless the caller wants to. */
  warn(message: string): void;
}

/** How to load a bundle. */
export interface LoadOptions extends TurnOptions {
  /** The variant to run, whatever else the adapter could; the last that it can, when absent. */
  readonly variant?: string;
  /** Compares packed weights with their hashes, stretch by stretch as they are read. */
  readonly verify?: boolean;
  /** The most bytes of memory that it may take. On a software adapter, what the machine has free is a limit too. */
  readonly memoryLimit?: number;
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
/** Packed weights when absent; else a checkpoint's folder or address, or any source, which is closed with the model at the latest. */
export type WeightsChoice = WeightSource | Address;

/** A bundle whose files are read, and the device it goes to. What `closers` closes is the bundle's, last one first. */
interface OpenedBundle {
  readonly files: BundleFiles;
  readonly bundle: BundlePlan;
  readonly plan: Plan;
  readonly variant: string;
  /** The caller's, or one of the bundle's own. */
  readonly device: OpenDevice | ReplaceableDevice;
  readonly source: WeightSource;
}

/**
 * Opens the bundle of a language model in `folder`, as a model that gives sessions. Closing it closes a device that it opened.
 * @throws RuntimeError as `loadBundleIn` does.
 */
export const openBundleIn = <G extends object>(
  environment: Environment<G>,
  folder: Address,
  gpu?: GpuChoice<G>,
  weights?: WeightsChoice,
  options: LoadOptions = {},
): Promise<Model> =>
  openIn(environment, folder, gpu, weights, options, (opened, close) => loadModel(opened, close, options));

/**
 * Loads the bundle of a language model in `folder`. A device that it opened is closed with the model; one that was given stays.
 * @throws RuntimeError for a bundle of another format version or of graphs of another kind, an adapter that can run none of its
 * variants, and weights that are missing or do not fit.
 */
export const loadBundleIn = <G extends object>(
  environment: Environment<G>,
  folder: Address,
  gpu?: GpuChoice<G>,
  weights?: WeightsChoice,
  options: LoadOptions = {},
): Promise<BundleModel> =>
  openIn(environment, folder, gpu, weights, options, async (opened, close) => {
    const { busy } = options;
    const model = await loadModel(opened, close, options);
    try {
      return new BundleModel(model, await model.session({ ...(busy && { busy }) }), opened.variant);
    } catch (error) {
      await model.close();
      throw error;
    }
  });

async function loadModel(
  { files, bundle, plan, device, source }: OpenedBundle,
  close: (first: () => void) => Promise<void>,
  { onProgress }: LoadOptions,
): Promise<Model> {
  if (!plan.model)
    throw bundleError(
      files.place,
      "holds graphs, which are no language model",
      "call its graphs by the bundle's own module, or by `loadGraphBundle`",
    );
  const tokenizer = await readTokenizer(files, bundle.tokenizer);
  const loading = { tokenizer, ...(onProgress && { onProgress }) };
  return Model.load(device, plan, source, loading, () => close(() => undefined));
}

/**
 * Loads the bundle of graphs of any kind in `folder`. A device that it opened is closed with it; one that was given stays.
 * @throws RuntimeError as `loadBundleIn` does.
 */
export const loadGraphBundleIn = <G extends object>(
  environment: Environment<G>,
  folder: Address,
  gpu?: GpuChoice<G>,
  weights?: WeightsChoice,
  options: LoadOptions = {},
): Promise<GraphModel> =>
  openIn(environment, folder, gpu, weights, options, async ({ plan, variant, device, source }, close) => {
    const { onProgress } = options;
    const load = (uploading: UploadOptions): Promise<GraphOnDevice> =>
      device instanceof ReplaceableDevice
        ? device.load((open) => loadGraph(open, plan, source, uploading))
        : loadGraph(device, plan, source, uploading);
    const reload = device instanceof ReplaceableDevice ? { device, load: () => load({}) } : undefined;
    return new GraphModel(await load({ ...(onProgress && { onProgress }) }), variant, (first) => close(first), reload);
  });

async function loadGraph(
  open: OpenDevice,
  plan: Plan,
  source: WeightSource,
  options: UploadOptions,
): Promise<GraphOnDevice> {
  const buffers = await uploadWeights(open, [plan], source, options);
  try {
    const loaded = await LoadedPlan.load(plan, buffers);
    try {
      return { loaded, state: await loaded.sequence() };
    } catch (error) {
      loaded.close();
      throw error;
    }
  } finally {
    // From here on they are the loaded plan's, and go with it.
    buffers.close();
  }
}

/** Reads a bundle and opens what it needs; `load` makes of it what is returned. All that was opened is closed when that fails. */
async function openIn<G extends object, T>(
  environment: Environment<G>,
  folder: Address,
  gpu: GpuChoice<G> | undefined,
  weights: WeightsChoice | undefined,
  options: LoadOptions,
  load: (opened: OpenedBundle, close: (first: () => void) => Promise<void>) => Promise<T>,
): Promise<T> {
  checkOptions("load", options, KINDS);
  isOpenDevice(gpu);
  checkWeights(weights);
  const files = await environment.openFiles(folder);
  const closers: (() => void | Promise<void>)[] = [() => files.close()];
  const close = async (first: () => void): Promise<void> => {
    first();
    for (const closer of closers.toReversed()) await closer();
  };
  try {
    const { bundle, weights: map } = await readBundle(files);
    const { onWarning: warn = environment.warn } = options;
    const device = isOpenDevice(gpu) ? gpu : new ReplaceableDevice(() => environment.openGpu(gpu), warnOfLoss(warn));
    if (device instanceof ReplaceableDevice) closers.push(() => device.close());
    const open = device instanceof ReplaceableDevice ? await device.current() : device;
    const variant = chooseVariant(bundle, open, options.variant);
    const plan = await readPlan(files, bundle, variant, map);
    const { memoryLimit: limit } = options;
    checkMemory(plan, memoryNeed(plan), {
      adapter: open.adapter,
      free: environment.freeBytes?.(),
      limit,
      bundle: true,
    });
    const source = await openSource(environment, files, map, weights, options);
    closers.push(() => source.close());
    // What was packed lies as the plan has it, under the plan's names; what was not is made of a checkpoint's tensors.
    const made = weights === undefined ? plan.weights.map(({ recipe: _, ...w }) => w) : plan.weights;
    const opened = { files, bundle, plan: { ...plan, weights: made }, variant: variant.name, device, source };
    const loaded = await load(opened, close);
    // A device of the bundle's own may be lost, and the weights be read once more.
    if (device === gpu) await source.close();
    warnOfBetterTarget(files.place, bundle, open.adapter, warn);
    return loaded;
  } catch (error) {
    await close(() => undefined);
    throw error;
  }
}

const KINDS = {
  variant: "text",
  verify: "flag",
  memoryLimit: "limit",
  onProgress: "function",
  onWarning: "function",
  ...TURN_KINDS,
} as const;

/** Whether weights that are given are a place or a source; what is missing in a source would be noticed half-way. */
function checkWeights(weights: WeightsChoice | undefined): void {
  if (weights === undefined || typeof weights === "string" || weights instanceof URL) return;
  const { tensors, read, close } = Object(weights) as Partial<WeightSource>;
  if (typeof tensors?.get === "function" && typeof read === "function" && typeof close === "function") return;
  throw optionError(
    "weights",
    `are ${shortValue(weights)}, but they must be a place, or a source with tensors, \`read\` and \`close\``,
    "leave them out for those of the bundle",
  );
}

/** Bundles whose users have been told. */
const told = new Set<string>();

function warnOfBetterTarget(
  place: string,
  { target }: BundlePlan,
  adapter: AdapterReport,
  warn: (message: string) => void,
): void {
  const better = nearestMachine(adapter);
  if (target !== PLAIN_TARGET || better === PLAIN_TARGET || told.has(place)) return;
  told.add(place);
  warn(
    `${place}: is compiled for ${target}, which suits any adapter, but there is a target for ${printAdapter(adapter)}: compile with --target ${better}`,
  );
}

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

async function readTokenizer(files: BundleFiles, texts: BundlePlan["tokenizer"]): Promise<Tokenizer | undefined> {
  if (!texts) return undefined;
  const [json, config] = await Promise.all(
    texts.map(async (text) => parseBundleText(files, text.file, await readBundleText(files, text))),
  );
  return createTokenizer(`${files.place}/${texts[0]?.file}`, json, config, await regexEngineFor(json));
}
