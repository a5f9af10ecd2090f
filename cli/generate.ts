import { Command } from "commander";
import pc from "picocolors";
import {
  endTokens,
  type FinishReason,
  type GenerateResult,
  type GenerateStep,
  optionError,
  printAdapter,
  type Tokenizer,
} from "../runtime/index.ts";
import { counted } from "./counted.ts";
import { printWarning } from "./errors.ts";
import { loadStats } from "./memory.ts";
import { cacheDtypeOption, contextOption, dtypeOption, type LoadOptions, memoryLimitOption } from "./memory-options.ts";
import { type OpenModel, openModel } from "./open-model.ts";
import { loadToolkit, type PluginOptions, pluginOption } from "./plugins.ts";
import { readInput } from "./prompt.ts";
import { printJson, printLines, shownText } from "./terminal.ts";
import {
  collect,
  count,
  filePath,
  penalty,
  probability,
  seed,
  share,
  temperature,
  tokenIds,
  wholeNumber,
} from "./usage.ts";

interface Options extends LoadOptions, PluginOptions {
  readonly model?: string;
  readonly tokens?: readonly number[];
  readonly maxNewTokens: number;
  readonly temperature: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly repetitionPenalty?: number;
  readonly logprobs?: number;
  readonly seed?: number;
  readonly stop?: readonly string[];
  readonly ahead?: number;
  readonly ignoreEos?: boolean;
  readonly special?: boolean;
  readonly disablePass?: readonly string[];
  readonly json?: boolean;
}

const FINISH: Readonly<Record<FinishReason, string>> = {
  length: "",
  "end-token": "; the model ended its text",
  "stop-string": "; a stop string came",
  context: "; the context is full",
  aborted: "; it was interrupted",
};

export const generateCommand = new Command("generate")
  .summary("continue a text")
  .description(
    "Continues PROMPT, and streams the new text to stdout. Without PROMPT it reads stdin, or starts from the end-of-text token.",
  )
  .argument("[prompt]", "the text to continue; - reads it from stdin")
  .option(
    "--model <dir>",
    "folder with config.json, model.safetensors and tokenizer files (default: the embedded model)",
    filePath,
  )
  .option("--tokens <ids>", "the prompt as token ids, such as 1,2,3", tokenIds)
  .option("--max-new-tokens <n>", "how many tokens to add at most", wholeNumber, 100)
  .option("--temperature <t>", "0 takes the likeliest token; higher is wilder", temperature, 0.8)
  .option("--top-k <k>", "keep the k likeliest tokens", wholeNumber)
  .option("--top-p <p>", "keep the likeliest tokens that together reach p", probability)
  .option("--min-p <p>", "keep the tokens at least so likely as this share of the likeliest", share)
  .option(
    "--repetition-penalty <r>",
    "make less likely what stands in the text already: 1 changes nothing, 1.1 to 1.3 are usual",
    penalty,
  )
  .option(
    "--logprobs <n>",
    "show the log-probability of each token, and the n likeliest in its place; a line a token",
    count,
  )
  .option("--seed <s>", "the same seed gives the same text (default: a random one, which is printed)", seed)
  .option("--stop <text>", "end before this text; may be given several times", collect)
  .option(
    "--ahead <k>",
    "steps queued on the GPU at once; changes no token (default: as many as fill 40 ms)",
    wholeNumber,
  )
  .option("--ignore-eos", "go on after the end-of-text token")
  .option("--special", "take special tokens such as <|endoftext|> in the prompt for themselves")
  .addOption(dtypeOption())
  .addOption(cacheDtypeOption())
  .addOption(contextOption())
  .addOption(memoryLimitOption())
  .addOption(pluginOption())
  .option("--disable-pass <name>", "leave a compiler pass out; may be given several times", collect)
  .option(
    "--json",
    "print one object: prompt_tokens, tokens, text, finish, seed, stats, and with --logprobs log_probabilities and top",
  )
  .action(run);

async function run(text: string | undefined, options: Options): Promise<void> {
  const input = await readInput({ text, tokens: options.tokens });
  const opened = await openModel({
    model: options.model,
    reads: { input, special: options.special ?? false },
    toolkit: await loadToolkit(options.plugin),
    disablePass: options.disablePass,
    dtype: options.dtype,
    cacheDtype: options.cacheDtype,
    context: options.context,
    memoryLimit: options.memoryLimit,
    entries: ["prefill", "decode"],
    progress: !options.json,
  });
  try {
    opened.warnings.forEach(printWarning);
    await generateWith(opened, options);
  } finally {
    await opened.close();
  }
}

async function generateWith(opened: OpenModel, options: Options): Promise<void> {
  const { model, tokenizer, adapter } = opened;
  const [start] = endTokens(model.facts, tokenizer);
  if (!opened.prompt && start === undefined)
    throw optionError(
      "prompt",
      "is missing, and the model has no end-of-text token to start from",
      "give a text or --tokens",
      { kind: "options", add: ["--tokens", "0"] },
    );
  const prompt = opened.prompt ?? { ids: [start ?? 0], text: undefined };
  const settings = {
    maxNewTokens: options.maxNewTokens,
    temperature: options.temperature,
    stop: options.stop ?? [],
    ...(options.seed === undefined ? {} : { seed: options.seed }),
    ...(options.ignoreEos ? { stopTokens: [] } : {}),
    ...(options.ahead === undefined ? {} : { ahead: options.ahead }),
    ...(options.topK === undefined ? {} : { topK: options.topK }),
    ...(options.topP === undefined ? {} : { topP: options.topP }),
    ...(options.minP === undefined ? {} : { minP: options.minP }),
    ...(options.repetitionPenalty === undefined ? {} : { repetitionPenalty: options.repetitionPenalty }),
    ...(options.logprobs === undefined ? {} : { logprobs: options.logprobs }),
  };
  const stream = opened.session.generate(prompt.ids, settings);
  const asLines = options.logprobs !== undefined;
  if (process.stdout.isTTY && prompt.text !== undefined && !options.json && !asLines)
    process.stdout.write(pc.dim(shownText(prompt.text)));
  const steps: GenerateStep[] = [];
  let step = await stream.next();
  for (let separator = ""; !step.done; step = await stream.next(), separator = " ") {
    steps.push(step.value);
    if (options.json) continue;
    const { token, text } = step.value;
    if (asLines) printLines(likelihoodLine(step.value, tokenizer));
    else process.stdout.write(tokenizer ? shownText(text) : `${separator}${token}`);
  }
  const result = step.value;
  if (options.json) printJson(jsonOf(opened, prompt.ids, result, asLines ? steps : undefined));
  else {
    if (!asLines) process.stdout.write("\n");
    process.stderr.write(
      `${pc.dim(summary(result, model.dispatchesPerToken, printAdapter(adapter), options.seed === undefined ? result.seed : undefined))}\n`,
    );
  }
}

function summary(result: GenerateResult, dispatches: number, adapter: string, drawnSeed: number | undefined): string {
  const tokens = counted(result.tokens.length, "token");
  const speed = `${tokens}, ${result.tokensPerSecond.toFixed(1)} tokens/s, first after ${Math.round(result.timeToFirstTokenMs)} ms`;
  const seedText = drawnSeed === undefined ? "" : `, seed ${drawnSeed}`;
  return `[${speed}; ${dispatches} dispatches per token on ${adapter}${seedText}${FINISH[result.finish]}]`;
}

/** `   258  " the"            -0.8124   " the" -0.8124, " a" -1.9310` */
function likelihoodLine(
  { token, logprob = Number.NaN, top = [] }: GenerateStep,
  tokenizer: Tokenizer | undefined,
): string {
  const show = (id: number): string => (tokenizer?.has(id) ? JSON.stringify(tokenizer.decode([id])) : String(id));
  const others = top.map(({ id, probability }) => `${show(id)} ${Math.log(probability).toFixed(4)}`).join(", ");
  const line = `${String(token).padStart(6)}  ${show(token).padEnd(16)} ${logprob.toFixed(4).padStart(9)}   ${others}`;
  return `${line.trimEnd()}\n`;
}

function jsonOf(
  opened: OpenModel,
  prompt: readonly number[],
  result: GenerateResult,
  steps: readonly GenerateStep[] | undefined,
): object {
  const { tokenizer } = opened;
  return {
    prompt_tokens: prompt,
    tokens: result.tokens,
    text: result.text,
    finish: result.finish,
    seed: result.seed,
    ...(steps && {
      log_probabilities: steps.map((s) => s.logprob),
      top: steps.map(({ top = [] }) =>
        top.map(({ id, probability }) => ({
          token: id,
          ...(tokenizer?.has(id) && { text: tokenizer.decode([id]) }),
          log_probability: Math.log(probability),
        })),
      ),
    }),
    stats: {
      tokens_per_second: result.tokensPerSecond,
      time_to_first_token_ms: result.timeToFirstTokenMs,
      dispatches_per_token: opened.model.dispatchesPerToken,
      adapter: opened.adapter.description,
      software: opened.adapter.software,
      ...loadStats(opened),
    },
  };
}
