import { realpath } from "node:fs/promises";
import { dirname } from "node:path";
import { Command } from "commander";
import pc from "picocolors";
import { decodeText, readRegular, reasonOf } from "../engine/index.ts";
import {
  fileError,
  optionError,
  printAdapter,
  RuntimeError,
  type ScoreOptions,
  type ScoreResult,
  topTokens,
} from "../runtime/index.ts";
import { printWarning } from "./errors.ts";
import { createLogitsFile, type LogitsFile } from "./logits-file.ts";
import { loadStats } from "./memory.ts";
import { cacheDtypeOption, contextOption, dtypeOption, type LoadOptions, memoryLimitOption } from "./memory-options.ts";
import { type OpenModel, openModel } from "./open-model.ts";
import { loadToolkit, type PluginOptions, pluginOption } from "./plugins.ts";
import { readInput } from "./prompt.ts";
import { printJson, printLines } from "./terminal.ts";
import { undoable } from "./undo.ts";
import { collect, count, filePath, tokenIds, wholeNumber } from "./usage.ts";

interface Options extends LoadOptions, PluginOptions {
  readonly model?: string;
  readonly tokens?: readonly number[];
  readonly file?: string;
  readonly window?: number;
  readonly skipTokens: number;
  readonly top: number;
  readonly logits?: string;
  readonly special?: boolean;
  readonly disablePass?: readonly string[];
  readonly json?: boolean;
}

export const scoreCommand = new Command("score")
  .summary("how likely the model finds a text")
  .description(
    "Prints the log-probability of every token of TEXT, their mean, the perplexity, and the likeliest next tokens.",
  )
  .argument("[text]", "the text to score; - reads it from stdin")
  .option(
    "--model <dir>",
    "folder with config.json, model.safetensors and tokenizer files (default: the embedded model)",
    filePath,
  )
  .option("--tokens <ids>", "the text as token ids, such as 1,2,3", tokenIds)
  .option("--file <path>", "the text as a file", filePath)
  .option("--window <n>", "score a long text in whole windows of n tokens, each starting anew", wholeNumber)
  .option("--skip-tokens <n>", "leave the first n tokens of the text out", count, 0)
  .option("--top <k>", "how many next tokens to list", count, 5)
  .option("--logits <file>", "write all logits, [tokens, vocabulary], as safetensors", filePath)
  .option("--special", "take special tokens such as <|endoftext|> in the text for themselves")
  .addOption(dtypeOption())
  .addOption(cacheDtypeOption())
  .addOption(contextOption())
  .addOption(memoryLimitOption())
  .addOption(pluginOption())
  .option("--disable-pass <name>", "leave a compiler pass out; may be given several times", collect)
  .option("--json", "print one object")
  .action(run);

async function run(text: string | undefined, options: Options): Promise<void> {
  if (options.logits !== undefined && options.window !== undefined)
    throw new RuntimeError("--logits", "is given, but so is --window", "write the logits of one context at a time");
  const { file: path, logits } = options;
  if (logits !== undefined) await refuseOverwriting(logits, path, options.model);
  const input = await readInput({
    text: path === undefined ? text : await readText(path, text),
    tokens: options.tokens,
    ...(path === undefined ? {} : { textArguments: ["--file", path] }),
  });
  if (!input)
    throw new RuntimeError("text", "is missing", "give a text, --file or --tokens", {
      kind: "options",
      add: ["--tokens", "0"],
    });
  const opened = await openModel({
    model: options.model,
    reads: { input, special: options.special ?? false },
    toolkit: await loadToolkit(options.plugin),
    disablePass: options.disablePass,
    dtype: options.dtype,
    cacheDtype: options.cacheDtype,
    context: options.context,
    memoryLimit: options.memoryLimit,
    entries: ["logits"],
    checkFinite: true,
    progress: !options.json,
  });
  try {
    opened.warnings.forEach(printWarning);
    const { ids: given = [] } = opened.prompt ?? {};
    const ids = given.slice(options.skipTokens);
    if (ids.length === 0 && given.length > 0)
      throw optionError(
        "--skip-tokens",
        `is ${options.skipTokens}, but the text has ${given.length} tokens`,
        "leave one",
      );
    const result = await scoreTokens(opened, ids, options);
    if (options.json) printJson(jsonOf(opened, ids, result, options.top));
    else printText(opened, ids, result, options);
  } finally {
    await opened.close();
  }
}

/** What is read would be gone. */
async function refuseOverwriting(logits: string, file: string | undefined, model: string | undefined): Promise<void> {
  const real = (path: string): Promise<string | undefined> => realpath(path).catch(() => undefined);
  const target = await real(logits);
  if (target === undefined) return;
  if (file !== undefined && (await real(file)) === target)
    throw new RuntimeError("--logits", `is ${logits}, which --file reads`, "write them to another file");
  const folder = model === undefined ? undefined : await real(model);
  if (folder !== undefined && (folder === target || folder === dirname(target)))
    throw new RuntimeError("--logits", `is ${logits}, a file of the model`, "write them to another file");
}

async function readText(path: string, text: string | undefined): Promise<string> {
  if (text !== undefined) throw new RuntimeError("--file", "is given, but so is a text", "give one of them");
  const bytes = await readRegular(path).catch((error: Error) => {
    throw fileError(path, `can't be read: ${reasonOf(error)}`);
  });
  const read = decodeText(bytes, path);
  if (read === "") throw fileError(path, "is empty, but a text needs a token", "give another file");
  return read;
}

async function scoreTokens(opened: OpenModel, ids: readonly number[], options: Options): Promise<ScoreResult> {
  const { logits } = options;
  if (logits === undefined) return watchedScore(opened, ids, options);
  return undoable(async (note) => {
    // Begun with the first logits: what can't be scored must reach no pipe.
    let file: LogitsFile | undefined;
    try {
      const result = await watchedScore(opened, ids, options, async (rows) => {
        file ??= await createLogitsFile(logits, ids.length, opened.config.n_vocab, note);
        await file.write(rows);
      });
      await file?.finish();
      return result;
    } catch (error) {
      await file?.abandon();
      throw error;
    }
  });
}

const watchedScore = (
  { session }: OpenModel,
  ids: readonly number[],
  options: Options,
  onLogits?: ScoreOptions["onLogits"],
): Promise<ScoreResult> =>
  session.score(ids, {
    ...(options.window === undefined ? {} : { window: options.window }),
    ...(onLogits && { onLogits }),
    onProgress: (done, total) => {
      if (process.stderr.isTTY && !options.json)
        process.stderr.write(`\rscoring ${done}/${total}${done === total ? "\r\x1b[K" : ""}`);
    },
  });

interface NextToken {
  readonly token: number;
  readonly text: string | undefined;
  readonly logit: number;
  readonly probability: number;
}

const nextTokens = ({ tokenizer }: OpenModel, { lastLogits }: ScoreResult, k: number): NextToken[] =>
  (lastLogits && k > 0 ? topTokens(lastLogits, k) : []).map(({ id, logit, probability }) => ({
    token: id,
    text: textOf(tokenizer, id),
    logit,
    probability,
  }));

/** A padded vocabulary has ids without text. */
const textOf = (tokenizer: OpenModel["tokenizer"], id: number): string | undefined =>
  tokenizer?.has(id) ? tokenizer.decode([id]) : undefined;

function jsonOf(opened: OpenModel, ids: readonly number[], result: ScoreResult, top: number): object {
  const predicted = result.tokens.length > 0;
  return {
    tokens: ids,
    log_probabilities: result.tokens.map((t) => t.logProbability),
    predicted_tokens: result.tokens.length,
    left_out_tokens: result.leftOut,
    mean_negative_log_likelihood: predicted ? result.meanNegativeLogLikelihood : null,
    perplexity: predicted ? result.perplexity : null,
    next: nextTokens(opened, result, top),
    stats: { adapter: opened.adapter.description, software: opened.adapter.software, ...loadStats(opened) },
  };
}

function printText(opened: OpenModel, ids: readonly number[], result: ScoreResult, options: Options): void {
  const { tokenizer, adapter } = opened;
  const show = (id: number) => `${String(id).padStart(6)}  ${JSON.stringify(textOf(tokenizer, id) ?? "").padEnd(16)}`;
  const lines: string[] = [];
  // Of a long text only the sums are of interest; --json has every token.
  if (options.window === undefined)
    for (const t of result.tokens)
      lines.push(`${String(t.position).padStart(5)} ${show(t.token)} ${t.logProbability.toFixed(4).padStart(9)}`);
  if (result.tokens.length > 0) {
    const leftOut = result.leftOut > 0 ? `; ${result.leftOut} at the end fill no window and are left out` : "";
    lines.push("", `predicted tokens              ${result.tokens.length}${leftOut}`);
    lines.push(`mean negative log-likelihood  ${result.meanNegativeLogLikelihood.toFixed(6)} nats per token`);
    lines.push(`perplexity                    ${result.perplexity.toFixed(4)}`);
  }
  const next = nextTokens(opened, result, options.top);
  if (next.length > 0) lines.push("", `after ${ids.length === 1 ? "the one token" : `all ${ids.length} tokens`}:`);
  for (const n of next)
    lines.push(`      ${show(n.token)} logit ${n.logit.toFixed(4).padStart(9)}   p ${n.probability.toFixed(4)}`);
  printLines(`${lines.join("\n").replace(/^\n/, "")}\n`);
  process.stderr.write(`${pc.dim(`[${printAdapter(adapter)}]`)}\n`);
}
