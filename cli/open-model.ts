// A model as a command opens it: what a large one needs is told, a bar shows the loading, and what it is to read is encoded before
// the GPU is touched.
import { basename } from "node:path";
import pc from "picocolors";
import { standard } from "../codegen/index.ts";
import {
  type AskedDType,
  type OpenModelOptions as EngineOptions,
  embeddedModel,
  type OpenedModel,
  openCheckpointModel,
  readModel,
  type Watching,
} from "../engine/index.ts";
import type { CacheDType } from "../passes/index.ts";
import type { AdapterReport, DawnOptions, OpenDevice, Session, Tokenizer } from "../runtime/index.ts";
import { printWarning } from "./errors.ts";
import { needLine } from "./memory.ts";
import { progressBar } from "./progress-bar.ts";
import { encodeInput, type Input, type Prompt, withTokens } from "./prompt.ts";

export interface OpenModel extends OpenedModel {
  readonly folder: string;
  readonly tokenizer: Tokenizer | undefined;
  /** The input that was to be read. */
  readonly prompt: Prompt | undefined;
  /** The one sequence that a command needs. */
  readonly session: Session;
  readonly adapter: AdapterReport;
  /** How long loading took, shaders and buffers included, and how much of the files it read. */
  readonly load: { readonly ms: number; readonly bytes: number };
  /** Whether the weights are random, as a preset's are. */
  readonly randomWeights: boolean;
  close(): Promise<void>;
}

export interface OpenModelOptions
  extends Pick<EngineOptions, "toolkit" | "entries" | "checkFinite" | "randomWeights">,
    Pick<Watching, "onCompiled"> {
  readonly model?: string | undefined;
  readonly disablePass?: readonly string[] | undefined;
  readonly dtype?: AskedDType | undefined;
  readonly cacheDtype?: CacheDType | undefined;
  readonly context?: number | undefined;
  readonly memoryLimit?: number | undefined;
  /** How Dawn chooses and opens the adapter. */
  readonly gpu?: DawnOptions | undefined;
  /** Hears of the device before anything is allocated on it, and may throw. */
  readonly onOpen?: (open: OpenDevice) => void;
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
  const {
    model: given,
    disablePass,
    dtype,
    cacheDtype,
    context,
    memoryLimit,
    gpu,
    reads,
    progress,
    onCompiled,
    onOpen,
    ...others
  } = options;
  const folder = given ?? (await embeddedModel());
  const told: string[] = [];
  const read = await readModel(folder, options.toolkit ?? standard, (warning) => told.push(warning));
  let prompt: Prompt | undefined;
  let bar: ReturnType<typeof progressBar>;
  let bytes = 0;
  const opened = await openCheckpointModel(
    read,
    {
      ...others,
      ...(disablePass && { disable: disablePass }),
      ...(dtype !== undefined && { dtype }),
      ...(cacheDtype !== undefined && { cacheDtype }),
      ...(context !== undefined && { context }),
      ...(memoryLimit !== undefined && { memoryLimit }),
      ...(gpu && { gpu }),
      onWarning: printWarning,
      onProgress: (done) => {
        bytes = done.bytes;
        bar?.update(done.bytes, done.total);
      },
    },
    {
      ...(reads && {
        onVocabulary: ({ found, config, unreadable }) => {
          const { input, special } = reads;
          if (unreadable && input && "text" in input) throw withTokens(unreadable, input);
          prompt = input && encodeInput(input, { tokenizer: found?.tokenizer, n_vocab: config.n_vocab, special });
        },
      }),
      ...(onCompiled && { onCompiled }),
      onNeed: (need, open) => {
        onOpen?.(open);
        const { adapter } = open;
        if (!progress) return;
        const line = needLine(need, adapter);
        if (line !== undefined) process.stderr.write(`${pc.dim(line)}\n`);
        bar = progressBar("loading", basename(folder));
      },
    },
  ).finally(() => bar?.stop());
  const { model } = opened;
  const began = performance.now();
  const session = await model.session().catch(async (error: unknown) => {
    await model.close();
    throw error;
  });
  return {
    ...opened,
    folder,
    tokenizer: model.tokenizer,
    prompt,
    session,
    adapter: model.adapter,
    load: { ms: opened.loadMs + performance.now() - began, bytes },
    randomWeights: read.isPreset,
    warnings: [...told, ...opened.warnings, ...(prompt?.warnings ?? [])],
    close: () => model.close(),
  };
}
