// From a folder to a model on the GPU. All that files can get wrong is found before the GPU is touched.
import { readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import pc from "picocolors";
import { compileGpt2, type EntryName, targetForAdapter } from "../codegen/index.ts";
import { type Gpt2Config, isPreset, PRESETS, readGpt2Config } from "../ir/index.ts";
import type { WeightDType } from "../passes/index.ts";
import {
  type AdapterReport,
  checkMemory,
  loadTokenizer,
  type MemoryNeed,
  Model,
  memoryNeed,
  openCheckpoint,
  openDawn,
  type PlanChange,
  RuntimeError,
  type Tokenizer,
  type WeightSource,
} from "../runtime/index.ts";
import { openRandomWeights } from "../runtime/weights/random.ts";
import { checkCheckpoint } from "./check-checkpoint.ts";
import { listWeights } from "./checkpoint-files.ts";
import { freeBytes, needLine } from "./memory.ts";
import { type AskedDType, withContext } from "./memory-options.ts";
import { progressBar } from "./progress-bar.ts";

/** The model that ships with wgpt: found beside the source, and beside `dist` once installed. */
export async function embeddedModel(): Promise<string> {
  for (const up of ["../", "../../"]) {
    const folder = fileURLToPath(new URL(`${up}models/shakespeare`, import.meta.url));
    if (await stat(folder).catch(() => undefined)) return folder;
  }
  throw new RuntimeError(
    "models/shakespeare",
    "the embedded model is missing from this installation",
    "install wgpt again, or give --model",
  );
}

export interface OpenModel {
  readonly folder: string;
  readonly config: Gpt2Config;
  readonly tokenizer: Tokenizer | undefined;
  readonly model: Model;
  readonly adapter: AdapterReport;
  readonly memory: MemoryNeed;
  /** How the matrices lie in memory. */
  readonly dtype: WeightDType;
  /** How long loading took, shaders and buffers included, and how much of the files it read. */
  readonly load: { readonly ms: number; readonly bytes: number };
  /** What the user should be told, though it is no error. */
  readonly warnings: readonly string[];
  close(): Promise<void>;
}

export interface OpenModelOptions {
  readonly model?: string | undefined;
  /** Takes a preset, and makes its weights up. */
  readonly randomWeights?: boolean;
  readonly disablePass?: readonly string[] | undefined;
  /** What the checkpoint has when absent. */
  readonly dtype?: AskedDType | undefined;
  /** The most tokens that the model will be given; its whole context when absent. */
  readonly context?: number | undefined;
  /** The most bytes of memory that the model may take. */
  readonly memoryLimit?: number | undefined;
  /** The entry points that will be used; all when absent. */
  readonly entries?: readonly EntryName[];
  readonly checkFinite?: boolean;
  /** Shows on stderr what a large model needs, and a progress bar. */
  readonly progress?: boolean;
}

/** A preset's or a checkpoint folder's configuration. */
export async function readConfig(model: string): Promise<Gpt2Config> {
  const preset = isPreset(model) ? PRESETS[model] : undefined;
  if (preset) return preset;
  const folder = await stat(model).catch(() => undefined);
  if (!folder)
    throw new RuntimeError(
      model,
      "there is no such folder, and no preset of that name",
      `presets are ${Object.keys(PRESETS).join(", ")}`,
    );
  const place = folder.isDirectory() ? join(model, "config.json") : join(model, "..", "config.json");
  const text = await readFile(place, "utf8").catch(() => undefined);
  if (text === undefined)
    throw new RuntimeError(
      place,
      "can't be read, but the model's shape stands in it",
      "a checkpoint folder holds config.json and model.safetensors",
    );
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new RuntimeError(place, `is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  return readGpt2Config(json, place);
}

export async function openModel(options: OpenModelOptions = {}): Promise<OpenModel> {
  const folder = options.model ?? (await embeddedModel());
  const preset = isPreset(folder);
  if (preset && !options.randomWeights)
    throw new RuntimeError(
      folder,
      "is a preset, which has no weights",
      "give the folder of a checkpoint; `wgpt inspect` needs none",
    );
  const config = withContext(await readConfig(folder), options.context);
  const source = preset ? randomSource(config, options.dtype) : await openCheckpoint(folder);
  try {
    const checked = checkCheckpoint(config, source);
    const { surplus } = checked;
    const dtype = options.dtype === undefined || options.dtype === "auto" ? checked.dtype : options.dtype;
    const tokenizer = preset ? undefined : await loadTokenizer(folder);
    if (tokenizer && tokenizer.vocabSize > config.n_vocab)
      throw new RuntimeError(
        folder,
        `the tokenizer has ${tokenizer.vocabSize} tokens, but the model ${config.n_vocab}`,
        "they belong to different models",
      );
    const open = await openDawn({ quiet: true });
    try {
      const compile = ({ weights = dtype, context }: PlanChange = {}) =>
        compileGpt2(withContext(config, context), {
          target: targetForAdapter(open.adapter),
          disable: options.disablePass ?? [],
          weights,
          ways: ["disable", "weights", "context"],
          ...(options.entries && { entries: options.entries }),
        }).plan;
      const plan = compile();
      const memory = memoryNeed(plan);
      const bounds = { adapter: open.adapter, free: freeBytes(), limit: options.memoryLimit };
      checkMemory(plan, memory, bounds, compile);
      const line = options.progress ? needLine(memory, open.adapter) : undefined;
      if (line !== undefined) process.stderr.write(`${pc.dim(line)}\n`);
      const bar = options.progress ? progressBar("loading", basename(folder)) : undefined;
      const began = performance.now();
      let loadBytes = 0;
      const model = await Model.load(open, plan, source, {
        checkFinite: options.checkFinite ?? false,
        onProgress: ({ bytes, total }) => {
          loadBytes = bytes;
          bar?.update(bytes, total);
        },
      }).finally(() => bar?.stop());
      const load = { ms: performance.now() - began, bytes: loadBytes };
      const warnings = [
        ...(surplus.length === 0
          ? []
          : [`${folder}: ${surplus.length} tensors that the model does not use: ${surplus.slice(0, 5).join(", ")}`]),
        ...model.notFinite.map(({ weight, count }) => {
          const isHalf = plan.weights.some((w) => w.name === weight && w.dtype === "f16");
          return `${folder}: ${weight} holds ${count} values that are not finite${isHalf ? " as f16" : ""}`;
        }),
      ];
      return {
        folder,
        config,
        tokenizer,
        model,
        adapter: open.adapter,
        memory,
        dtype,
        load,
        warnings,
        async close() {
          model.destroy();
          open.close();
          await source.close();
        },
      };
    } catch (error) {
      open.close();
      throw error;
    }
  } catch (error) {
    await source.close();
    throw error;
  }
}

const randomSource = (config: Gpt2Config, dtype: AskedDType | undefined): WeightSource => {
  const stored = dtype === "f16" ? "F16" : "F32";
  return openRandomWeights(listWeights(config, stored), 1, stored);
};
