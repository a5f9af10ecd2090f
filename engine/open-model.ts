// From a folder to a model on the GPU. All that files can get wrong is found before the GPU is touched.
import { readdir, stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import {
  type Compilation,
  compileModel,
  type EntryName,
  standard,
  type Target,
  type Toolkit,
  targetForAdapter,
} from "../codegen/index.ts";
import type { ModelConfig } from "../ir/index.ts";
import type { CacheDType, WeightDType } from "../passes/index.ts";
import { checkOptions } from "../runtime/check-call.ts";
import { isOpenDevice } from "../runtime/device.ts";
import { optionError } from "../runtime/errors.ts";
import {
  checkMemory,
  type DawnOptions,
  freeBytes,
  type GpuChoice,
  type LoadProgress,
  type MemoryNeed,
  Model,
  memoryNeed,
  type OpenDevice,
  openBundle,
  openCheckpoint,
  openDawn,
  openRandomWeights,
  type PlanChange,
  ReplaceableDevice,
  RuntimeError,
  type WeightSource,
  warnOfLoss,
} from "../runtime/index.ts";
import { ASKED_DTYPES, type AskedDType, CACHE_DTYPES, checkCheckpoint } from "./check-checkpoint.ts";
import { listWeights } from "./checkpoint-files.ts";
import { type ReadModel, readModel, withContext } from "./read-model.ts";
import { type FoundVocabulary, findVocabulary } from "./vocabulary.ts";

/** The folder of the model that ships with wgpt: found beside the source, and beside `dist` once installed. */
export async function embeddedModel(): Promise<string> {
  for (const up of ["../", "../../"]) {
    const folder = fileURLToPath(new URL(`${up}models/shakespeare`, import.meta.url));
    if (await stat(folder).catch(() => undefined)) return folder;
  }
  throw new RuntimeError(
    "models/shakespeare",
    "the embedded model is missing from this installation",
    "install wgpt again, or give a model of your own",
  );
}

/** How to open a model. */
export interface OpenModelOptions {
  /** A device that is open, which stays, or how to choose one; the best adapter when absent. */
  readonly gpu?: GpuChoice<DawnOptions>;
  /** The ops, kernels, passes and families to compile with; `standard` when absent. */
  readonly toolkit?: Toolkit;
  /** Passes to leave out, by name. */
  readonly disable?: readonly string[];
  /** How matrices lie in memory; `auto`, as the checkpoint has them, when absent. */
  readonly dtype?: AskedDType;
  /** How keys and values lie in memory; f32 when absent. As f16 they take half the memory, and are rounded as they are written. */
  readonly cacheDtype?: CacheDType;
  /** The most tokens that the model will be given; its whole context when absent. */
  readonly context?: number;
  /** The most bytes of memory that the model may take. On a software adapter, what the machine has free is a limit too. */
  readonly memoryLimit?: number;
  /** The entry points that will be used; all when absent. */
  readonly entries?: readonly EntryName[];
  /** Looks for weights that are not finite; `onWarning` hears of them. */
  readonly checkFinite?: boolean;
  /** Takes a preset too, and makes its weights up. */
  readonly randomWeights?: boolean;
  /** Of a bundle: the variant to run, and whether packed weights are compared with their hashes. */
  readonly variant?: string;
  readonly verify?: boolean;
  /** Hears how many bytes of weights are on the GPU. */
  readonly onProgress?: (progress: LoadProgress) => void;
  /** Hears what the user should know though it is no error; a warning of the process when absent. */
  readonly onWarning?: (message: string) => void;
}

/**
 * Opens a model: a checkpoint's folder, which is compiled for the adapter, or a bundle's; the embedded one when absent. It has its
 * tokenizer, and gives sessions; closing it closes its device too, unless that was given. Where a device of its own is lost, it goes on
 * with another one.
 * @throws RuntimeError and CompileError that name the file, the two facts that disagree, and the way out: for a config that no family
 * reads, weights that are not the config's, a model that does not fit the memory, and no adapter.
 */
export async function openModel(place?: string, options: OpenModelOptions = {}): Promise<Model> {
  const folder: unknown = place ?? (await embeddedModel());
  if (typeof folder !== "string")
    throw optionError(
      "openModel",
      `is given ${String(folder)}, but a model is a path or a preset's name`,
      "give it as text",
    );
  checkOptions("openModel", options, KINDS);
  const { onWarning = emitWarning } = options;
  if (await isBundle(folder)) {
    const { variant, verify, memoryLimit, onProgress } = options;
    return openBundle(folder, options.gpu, undefined, {
      onWarning,
      ...(variant !== undefined && { variant }),
      ...(verify !== undefined && { verify }),
      ...(memoryLimit !== undefined && { memoryLimit }),
      ...(onProgress && { onProgress }),
    });
  }
  const read = await readModel(folder, options.toolkit ?? standard, onWarning);
  const { model, warnings } = await openCheckpointModel(read, options);
  warnings.forEach(onWarning);
  return model;
}

const KINDS = {
  toolkit: "object",
  disable: "texts",
  dtype: ASKED_DTYPES,
  cacheDtype: CACHE_DTYPES,
  context: "number",
  memoryLimit: "limit",
  entries: "texts",
  checkFinite: "flag",
  randomWeights: "flag",
  variant: "text",
  verify: "flag",
  onProgress: "function",
  onWarning: "function",
} as const;

const emitWarning = (message: string): void => process.emitWarning(message, "WgptWarning");

const isBundle = async (folder: string): Promise<boolean> => {
  const names = await readdir(folder).catch((): string[] => []);
  return names.includes("plan.json") && names.includes("weights.json") && !names.includes("config.json");
};

/** What a command wants to know besides, and to hear of on the way. */
export interface Watching {
  /** Before the GPU is touched: the tokenizer and what does not fit together. The model has no tokenizer when this is absent. */
  readonly onVocabulary?: (found: FoundVocabulary) => void;
  /** What the plan was made from, and for which target. */
  readonly onCompiled?: (compilation: Compilation, target: Target) => void;
  /** Before anything is allocated. */
  readonly onNeed?: (need: MemoryNeed, open: OpenDevice) => void;
}

/** A model, and how it came to be. */
export interface OpenedModel {
  readonly model: Model;
  /** The config, with the tokenizer's end token where config.json names none in the vocabulary. */
  readonly config: ModelConfig;
  readonly memory: MemoryNeed;
  /** How the matrices lie in memory. */
  readonly dtype: WeightDType;
  /** How keys and values lie there. */
  readonly cacheDtype: CacheDType;
  /** How long loading took, shaders included, in milliseconds. */
  readonly loadMs: number;
  /** What the user should be told, though it is no error. */
  readonly warnings: readonly string[];
}

/** `openModel` of a checkpoint or a preset that is read. */
export async function openCheckpointModel(
  given: ReadModel,
  options: OpenModelOptions,
  { onVocabulary = () => undefined, onCompiled, onNeed }: Watching = {},
): Promise<OpenedModel> {
  const read = withContext(given, options.context);
  const { family, isPreset, name } = read;
  if (isPreset && !options.randomWeights)
    throw new RuntimeError(
      name,
      "is a preset, which has no weights",
      "give the folder of a checkpoint; `wgpt inspect` needs none",
    );
  const { dtype: asked = "auto", cacheDtype = "f32", toolkit = standard, onWarning = emitWarning } = options;
  const source = isPreset ? randomSource(read, asked) : await openCheckpoint(name);
  const closers: (() => void | Promise<void>)[] = [() => source.close()];
  const close = async (): Promise<void> => {
    for (const closer of closers.toReversed()) await closer();
  };
  try {
    const { surplus, dtype: stored } = await checkCheckpoint(read, source);
    const dtype = asked === "auto" ? stored : asked;
    const vocabulary = await findVocabulary(read, "tokens are ids without text");
    onVocabulary(vocabulary);
    const { config } = vocabulary;
    const { gpu } = options;
    const device = isOpenDevice(gpu)
      ? gpu
      : new ReplaceableDevice(() => openDawn({ quiet: true, ...gpu }), warnOfLoss(onWarning));
    if (device instanceof ReplaceableDevice) closers.push(() => device.close());
    const open = device instanceof ReplaceableDevice ? await device.current() : device;
    const target = targetForAdapter(open.adapter);
    // What was compiled is let go of, but for the plan: a large model's graphs are large too.
    const compile = (
      { weights = dtype, caches = cacheDtype, context }: PlanChange = {},
      hear?: Watching["onCompiled"],
    ) => {
      const compilation = compileModel(family, withContext({ ...read, config }, context).config, {
        target,
        toolkit,
        disable: options.disable ?? [],
        weights,
        caches,
        ways: ["disable", "weights", "context"],
        ...(options.entries && { entries: options.entries }),
      });
      hear?.(compilation, target);
      return compilation.plan;
    };
    const plan = compile({}, onCompiled);
    const memory = memoryNeed(plan);
    const bounds = { adapter: open.adapter, free: freeBytes(), limit: options.memoryLimit };
    checkMemory(plan, memory, bounds, (change) => compile(change));
    onNeed?.(memory, open);
    const began = performance.now();
    const { checkFinite = false, onProgress } = options;
    const loading = { tokenizer: vocabulary.found?.tokenizer, checkFinite, ...(onProgress && { onProgress }) };
    const model = await Model.load(device, plan, source, loading, close);
    const warnings = [
      ...vocabulary.warnings,
      ...(surplus.length === 0
        ? []
        : [`${name}: ${surplus.length} tensors that the model does not use: ${surplus.slice(0, 5).join(", ")}`]),
      ...model.notFinite.map(({ weight, count }) => {
        const isHalf = plan.weights.some((w) => w.name === weight && w.dtype === "f16");
        return `${name}: ${weight} holds ${count} values that are not finite${isHalf ? " as f16" : ""}`;
      }),
    ];
    return { model, config, memory, dtype, cacheDtype, loadMs: performance.now() - began, warnings };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Weights that are made up, for a preset. */
export const randomSource = ({ family, config }: ReadModel, dtype: AskedDType): WeightSource => {
  const stored = dtype === "f16" ? "F16" : "F32";
  return openRandomWeights(listWeights(family, config, stored), 1, stored, family.initialisation);
};
