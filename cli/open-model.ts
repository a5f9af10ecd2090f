// From a folder to a model on the GPU. All that files can get wrong is found before the GPU is touched.
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import pc from "picocolors";
import { compileGpt2, type EntryName, type Toolkit, targetForAdapter } from "../codegen/index.ts";
import { type Gpt2Config, isPreset } from "../ir/index.ts";
import type { WeightDType } from "../passes/index.ts";
import {
  type AdapterReport,
  checkMemory,
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
import { encodeInput, type Input, type Prompt, withTokens } from "./prompt.ts";
import { readConfig } from "./read-config.ts";
import { findVocabulary } from "./vocabulary.ts";

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
  /** Its end token is the tokenizer's where config.json names none that can be. */
  readonly config: Gpt2Config;
  readonly tokenizer: Tokenizer | undefined;
  /** The input that was to be read. */
  readonly prompt: Prompt | undefined;
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
  /** What to compile with; `standard` when absent. */
  readonly toolkit?: Toolkit;
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
  /** What the model is to read; the tokenizer is left alone when absent. */
  readonly reads?: Reads;
  /** Shows on stderr what a large model needs, and a progress bar. */
  readonly progress?: boolean;
}

export interface Reads {
  readonly input: Input | undefined;
  /** Take special tokens in a text for themselves. */
  readonly special: boolean;
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
  const told: string[] = [];
  const read = withContext(await readConfig(folder, (warning) => told.push(warning)), options.context);
  const source = preset ? randomSource(read, options.dtype) : await openCheckpoint(folder);
  try {
    const checked = await checkCheckpoint(read, source, folder);
    const { surplus } = checked;
    const dtype = options.dtype === undefined || options.dtype === "auto" ? checked.dtype : options.dtype;
    const reading = await readInputOf(folder, read, preset ? undefined : options.reads);
    const { tokenizer, prompt, config } = reading;
    const open = await openDawn({ quiet: true });
    try {
      const compile = ({ weights = dtype, context }: PlanChange = {}) =>
        compileGpt2(withContext(config, context), {
          target: targetForAdapter(open.adapter),
          ...(options.toolkit && { toolkit: options.toolkit }),
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
        ...told,
        ...reading.warnings,
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
        prompt,
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

interface Reading extends Pick<OpenModel, "config" | "tokenizer" | "prompt" | "warnings"> {}

/** Reads the tokenizer, and the input with it. */
async function readInputOf(folder: string, read: Gpt2Config, reads: Reads | undefined): Promise<Reading> {
  if (!reads) return { config: read, tokenizer: undefined, prompt: undefined, warnings: [] };
  const { input, special } = reads;
  const { found, config, unreadable, warnings } = await findVocabulary(folder, read, "tokens are ids without text");
  if (unreadable && input && "text" in input) throw withTokens(unreadable, input);
  const tokenizer = found?.tokenizer;
  const prompt = input && encodeInput(input, { tokenizer, n_vocab: config.n_vocab, special });
  return { config, tokenizer, prompt, warnings: [...warnings, ...(prompt?.warnings ?? [])] };
}

const randomSource = (config: Gpt2Config, dtype: AskedDType | undefined): WeightSource => {
  const stored = dtype === "f16" ? "F16" : "F32";
  return openRandomWeights(listWeights(config, stored), 1, stored);
};
