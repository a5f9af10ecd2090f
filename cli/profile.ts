// `wgpt profile`: how long each kernel of a decode step takes on the adapter, by the adapter's own clock.
import { Command } from "commander";
import { unreachable } from "../base/index.ts";
import type { Compilation, Target } from "../codegen/index.ts";
import { checkTimestamps, DecodeTimer, optionError, printAdapter } from "../runtime/index.ts";
import { PROMPT } from "./bench-rows.ts";
import { counted } from "./counted.ts";
import { printWarning } from "./errors.ts";
import { promptOf } from "./measure.ts";
import {
  cacheDtypeOption,
  contextOption,
  dtypeOption,
  type LoadOptions,
  memoryLimitOption,
  printDtypes,
} from "./memory-options.ts";
import { type OpenModel, openModel } from "./open-model.ts";
import { claimFile, writeOutputFile } from "./output-file.ts";
import { loadToolkit, type PluginOptions, pluginOption } from "./plugins.ts";
import { profileReport, type TimedStep } from "./profile-report.ts";
import { printProfile, profileJson } from "./profile-text.ts";
import { TRACE, traceText } from "./profile-trace.ts";
import { readInput } from "./prompt.ts";
import { printJson, printLines } from "./terminal.ts";
import { collect, filePath, tokenIds, wholeNumber } from "./usage.ts";

interface Options extends LoadOptions, PluginOptions {
  readonly steps?: number;
  readonly prompt?: string;
  readonly tokens?: readonly number[];
  readonly special?: boolean;
  readonly trace?: string;
  readonly disablePass?: readonly string[];
  readonly json?: boolean;
}

/** Steps that are timed where the user does not say, and those before them, which do not count: drivers compile what they run first. */
const [STEPS, WARM_UP] = [20, 2];

/** Dawn rounds times to 65 µs, so that a page can't tell what others compute. Who measures a model of their own may know. */
const EXACT_TIMES = ["timestamp_quantization"];

export const profileCommand = new Command("profile")
  .summary("measure each kernel of a decode step")
  .description(
    "Measures how long each kernel of a decode step of MODEL takes on this machine's adapter, by the adapter's own clock, and sets it beside what is predicted. WebGPU tells times of whole passes: so each step is run cut into a pass for each dispatch, and once more whole, which shows what the cutting costs. A preset runs with seeded random weights.",
  )
  .argument("[model]", "a checkpoint folder, or a preset (default: the embedded model)", filePath)
  .option("--steps <n>", `steps to time (default: ${STEPS}, or as many as the context has room for)`, wholeNumber)
  .option("--prompt <text>", `what stands before (default: ${PROMPT} tokens)`)
  .option("--tokens <ids>", "the prompt as token ids, such as 1,2,3", tokenIds)
  .option("--special", "take special tokens such as <|endoftext|> in the prompt for themselves")
  .option("--trace <file>", "write every pass as a trace, for ui.perfetto.dev or chrome://tracing", filePath)
  .addOption(dtypeOption())
  .addOption(cacheDtypeOption())
  .addOption(contextOption())
  .addOption(memoryLimitOption())
  .addOption(pluginOption())
  .option("--disable-pass <name>", "leave a compiler pass out; may be given several times", collect)
  .option("--json", "print one object")
  .action(run);

async function run(model: string | undefined, options: Options): Promise<void> {
  const { trace, prompt, tokens } = options;
  if (prompt !== undefined && tokens !== undefined)
    throw optionError("--tokens", "is given, but so is --prompt", "give one of them");
  if (trace !== undefined) await claimFile(trace, TRACE);
  const asked = prompt !== undefined || tokens !== undefined;
  const input = asked
    ? await readInput({ text: prompt, tokens, textArguments: ["--prompt", prompt ?? ""] })
    : undefined;
  if (asked && input === undefined)
    throw optionError("--prompt", "is empty, but a step needs a token to go on from", "leave it out, or give a text");
  let seen: { readonly compilation: Compilation; readonly target: Target } | undefined;
  const toolkit = await loadToolkit(options.plugin);
  const opened = await openModel({
    model,
    randomWeights: true,
    ...(input && { reads: { input, special: options.special ?? false } }),
    toolkit,
    disablePass: options.disablePass,
    dtype: options.dtype,
    cacheDtype: options.cacheDtype,
    context: options.context,
    memoryLimit: options.memoryLimit,
    entries: ["prefill", "decode"],
    gpu: { disable: EXACT_TIMES },
    progress: !options.json,
    onOpen: checkTimestamps,
    onCompiled: (compilation, target) => {
      seen = { compilation, target };
    },
  });
  try {
    opened.warnings.forEach(printWarning);
    const { compilation, target } = seen ?? unreachable("a model that was opened and not compiled");
    const timed = await timeSteps(opened, options);
    const report = profileReport(compilation, target, toolkit, timed);
    const name = model ?? "embedded";
    const adapter = printAdapter(opened.adapter);
    if (trace !== undefined)
      await writeOutputFile(
        trace,
        TRACE,
        traceText({ model: name, dtype: opened.dtype, adapter }, compilation, report, timed),
      );
    if (options.json) {
      printJson({
        model: name,
        weights: opened.randomWeights ? "random" : "checkpoint",
        dtype: opened.dtype,
        cache_dtype: opened.cacheDtype,
        adapter: opened.adapter.description,
        software: opened.adapter.software,
        ...profileJson(report),
      });
      return;
    }
    const random = opened.randomWeights ? " with random weights" : "";
    const title = `${name}${random}, ${printDtypes(opened)}, on ${adapter}`;
    printLines(printProfile(title, report));
  } finally {
    await opened.close();
  }
}

/** Every step, whole and cut. */
async function timeSteps({ model, prompt, config }: OpenModel, options: Options): Promise<readonly TimedStep[]> {
  const { n_ctx, n_vocab } = config;
  if (n_ctx < 2)
    throw optionError(
      "profile",
      `the context is ${counted(n_ctx, "token")}, but a step appends one to a prompt`,
      "give a model, or a --context, of 2 or more",
    );
  const ids = prompt?.ids ?? promptOf(Math.min(PROMPT, n_ctx - 1), n_vocab);
  const room = n_ctx - ids.length;
  if (ids.length === 0)
    throw optionError("--tokens", "gives no tokens, but a step needs one to go on from", "give one, or leave it out");
  if (room < 1)
    throw optionError(
      options.tokens ? "--tokens" : "--prompt",
      `has ${ids.length} tokens, but a step after them has no room in the context of ${n_ctx}`,
      `give ${n_ctx - 1} or fewer`,
    );
  if (options.steps !== undefined && options.steps > room)
    throw optionError(
      "--steps",
      `is ${options.steps}, but after ${counted(ids.length, "token")} the context of ${n_ctx} has room for ${room}`,
      `give ${room} or less`,
    );
  const steps = options.steps ?? Math.min(STEPS, room);
  const timer = await DecodeTimer.on(model);
  try {
    await timer.start(ids);
    for (let i = 0; i < Math.min(WARM_UP, room); i++) await timer.step();
    await timer.start(ids);
    const timed: TimedStep[] = [];
    for (let i = 0; i < steps; i++) {
      if (process.stderr.isTTY && !options.json) process.stderr.write(`\rstep ${i + 1} of ${steps}`);
      const { past } = timer;
      timed.push({ past, times: await timer.step() });
    }
    if (process.stderr.isTTY && !options.json) process.stderr.write("\r\u001b[K");
    return timed;
  } finally {
    timer.close();
  }
}
