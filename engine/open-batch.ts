// From a folder to a batch on the GPU: many sequences that are decoded together.
import { batchSpec, compileBatch, standard, targetForAdapter } from "../codegen/index.ts";
import type { CacheDType, WeightDType } from "../passes/index.ts";
import {
  type AdapterReport,
  Batch,
  checkMemory,
  freeBytes,
  memoryNeed,
  openCheckpoint,
  openDawn,
  type PlanChange,
  RuntimeError,
} from "../runtime/index.ts";
import { checkCheckpoint } from "./check-checkpoint.ts";
import { type OpenModelOptions, randomSource } from "./open-model.ts";
import { type ReadModel, withContext } from "./read-model.ts";

/** How to open a batch. */
export interface OpenBatchOptions
  extends Pick<
    OpenModelOptions,
    "toolkit" | "disable" | "dtype" | "cacheDtype" | "context" | "memoryLimit" | "randomWeights"
  > {
  /** Sequences at a time. */
  readonly sequences: number;
}

/** A batch on a device of its own. */
export interface OpenedBatch {
  readonly batch: Batch;
  readonly adapter: AdapterReport;
  /** How the matrices lie in memory. */
  readonly dtype: WeightDType;
  readonly cacheDtype: CacheDType;
  /** Of a step, which gives a token for each sequence. */
  readonly dispatches: number;
  /** Frees it, and its device. */
  close(): void;
}

/**
 * Opens a checkpoint, or a preset with weights that are made up, for so many sequences at a time.
 * @throws CompileError as `compileBatch` does, and RuntimeError for files that are not what they should be, and too little memory.
 */
export async function openBatch(given: ReadModel, options: OpenBatchOptions): Promise<OpenedBatch> {
  const read = withContext(given, options.context);
  const { family, config, isPreset, name } = read;
  const { dtype: asked = "auto", cacheDtype = "f32", toolkit = standard } = options;
  const { sequences, disable = [], memoryLimit } = options;
  if (isPreset && !options.randomWeights)
    throw new RuntimeError(name, "is a preset, which has no weights", "give the folder of a checkpoint");
  const source = isPreset ? randomSource(read, asked) : await openCheckpoint(name);
  const open = await openDawn({ quiet: true });
  try {
    const { dtype: stored } = await checkCheckpoint(read, source);
    const dtype = asked === "auto" ? stored : asked;
    const compile = ({ weights = dtype, caches = cacheDtype, context }: PlanChange = {}) => {
      const target = targetForAdapter(open.adapter);
      return compileBatch(
        family,
        withContext(read, context).config,
        { sequences },
        { target, toolkit, disable, weights, caches },
      ).plan;
    };
    const plan = compile();
    const need = memoryNeed(plan);
    checkMemory(plan, need, { adapter: open.adapter, free: freeBytes(), limit: memoryLimit }, compile);
    const batch = await Batch.load(open, plan, source, batchSpec(config, { sequences }));
    const close = (): void => {
      batch.close();
      open.close();
    };
    const dispatches = plan.entries.find((e) => e.name === "decode")?.steps.length ?? 0;
    return { batch, adapter: open.adapter, dtype, cacheDtype, dispatches, close };
  } catch (error) {
    open.close();
    throw error;
  } finally {
    await source.close();
  }
}
