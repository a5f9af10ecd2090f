import { Command } from "commander";
import { compileModel, targetByName } from "../codegen/index.ts";
import { chooseDType, embeddedModel, readModel, withContext } from "../engine/index.ts";
import { type AdapterReport, openDawn, optionError, printAdapter, printBytes } from "../runtime/index.ts";
import { benchRows, PROMPT } from "./bench-rows.ts";
import { printWarning } from "./errors.ts";
import { measureHost, measureSpeeds, printSpread, type Speeds, type Spread } from "./measure.ts";
import { peakRssBytes } from "./memory.ts";
import {
  cacheDtypeOption,
  cachesOf,
  contextOption,
  dtypeOption,
  type MemoryOptions,
  printDtypes,
} from "./memory-options.ts";
import { type OpenModel, openModel } from "./open-model.ts";
import { loadToolkit, type PluginOptions, pluginOption } from "./plugins.ts";
import { targetOption } from "./target-option.ts";
import { printJson, printLines } from "./terminal.ts";
import { collect, filePath, wholeNumber, wholeNumbers } from "./usage.ts";

interface Options extends MemoryOptions, PluginOptions {
  readonly runs: number;
  readonly maxNewTokens: number;
  readonly prefill?: readonly number[];
  readonly rows?: number;
  readonly host?: boolean;
  readonly target: string;
  readonly disablePass?: readonly string[];
  readonly json?: boolean;
}

const HOST_STEPS = 300;

export const benchCommand = new Command("bench")
  .summary("measure a model's speed, or what a step costs the host")
  .description(
    "Measures decode and prefill of MODEL on this machine's adapter. A preset runs with seeded random weights, so that it needs no checkpoint. With --host, nothing is computed: it measures what a decode step costs the host.",
  )
  .argument("[model]", "a checkpoint folder, or a preset (default: the embedded model)", filePath)
  .option("--runs <n>", "runs of each measurement, after one that does not count", wholeNumber, 5)
  .option("--max-new-tokens <n>", "tokens to decode in a run", wholeNumber, 32)
  .option("--prefill <lengths>", "lengths of prompts (default: 128,512 as far as they fit)", wholeNumbers)
  .addOption(dtypeOption())
  .addOption(cacheDtypeOption())
  .addOption(contextOption())
  .option("--rows <n>", "decode n sequences at a time, and one beside it for comparison", wholeNumber)
  .option("--host", "measure the host's part of a decode step, on a device that computes nothing")
  .addOption(targetOption("with --host: "))
  .addOption(pluginOption())
  .option("--disable-pass <name>", "leave a compiler pass out; may be given several times", collect)
  .option("--json", "print one object")
  .action((model: string | undefined, options: Options, command: Command) => {
    if (!options.host && command.getOptionValueSource("target") === "cli")
      throw optionError(
        "--target",
        "is given without --host, but what runs is compiled for its adapter",
        "leave it out, or give --host",
      );
    const given = (["host", "prefill"] as const).find((name) => command.getOptionValueSource(name) === "cli");
    if (options.rows !== undefined && given)
      throw optionError("--rows", `is given, and so is --${given}`, "give one of them");
    if (options.rows !== undefined) return benchRows(model, { ...options, rows: options.rows });
    return (options.host ? runHost : runModel)(model, options);
  });

async function runModel(model: string | undefined, options: Options): Promise<void> {
  const opened = await openModel({
    model,
    randomWeights: true,
    toolkit: await loadToolkit(options.plugin),
    disablePass: options.disablePass,
    dtype: options.dtype,
    cacheDtype: options.cacheDtype,
    context: options.context,
    entries: ["prefill", "decode"],
    progress: !options.json,
  });
  try {
    const { n_ctx } = opened.config;
    if (n_ctx <= PROMPT)
      throw optionError("bench", `the context is ${n_ctx} tokens, but a run takes a prompt of ${PROMPT} and more`);
    const long = options.prefill?.find((length) => length > n_ctx);
    if (long !== undefined)
      throw optionError("--prefill", `is ${long}, but the context is ${n_ctx} tokens`, `give ${n_ctx} or less`);
    const tokens = Math.min(options.maxNewTokens, n_ctx - PROMPT);
    const speeds = await measureSpeeds(opened.session, {
      runs: options.runs,
      prompt: PROMPT,
      tokens,
      prefill: options.prefill ?? [128, 512].filter((length) => length <= n_ctx),
      ...(process.stderr.isTTY && !options.json ? { onRun: showRun } : {}),
    });
    const facts = factsOf(opened, model, tokens);
    if (options.json) printJson(jsonOf(facts, speeds));
    else printLines(textOf(facts, speeds));
  } finally {
    await opened.close();
  }
}

const showRun = (done: number, total: number): void => {
  process.stderr.write(done === total ? "\r\u001b[K" : `\rrun ${done + 1} of ${total}`);
};

interface Facts {
  readonly model: string;
  readonly weights: "checkpoint" | "random";
  readonly dtype: string;
  readonly cacheDtype: string;
  readonly adapter: AdapterReport;
  readonly loadMs: number;
  readonly loadBytes: number;
  readonly gpuBytes: number;
  readonly peakRss: number;
  readonly tokens: number;
  readonly dispatches: number;
  readonly weightBytes: number;
}

function factsOf(opened: OpenModel, name: string | undefined, tokens: number): Facts {
  const { model, adapter, dtype, cacheDtype, load } = opened;
  return {
    model: name ?? "embedded",
    weights: opened.randomWeights ? "random" : "checkpoint",
    dtype,
    cacheDtype,
    adapter,
    loadMs: load.ms,
    loadBytes: load.bytes,
    gpuBytes: model.bufferBytes,
    peakRss: peakRssBytes(),
    tokens,
    dispatches: model.dispatchesPerToken,
    weightBytes: model.weightBytesPerToken,
  };
}

const gigabytes = (facts: Facts, speeds: Speeds): number => (facts.weightBytes * speeds.decode.median) / 1e9;

function jsonOf(facts: Facts, speeds: Speeds): object {
  return {
    model: facts.model,
    weights: facts.weights,
    dtype: facts.dtype,
    cache_dtype: facts.cacheDtype,
    adapter: facts.adapter.description,
    software: facts.adapter.software,
    load_ms: facts.loadMs,
    load_bytes: facts.loadBytes,
    gpu_bytes: facts.gpuBytes,
    peak_rss_bytes: facts.peakRss,
    prompt_tokens: PROMPT,
    decoded_tokens: facts.tokens,
    time_to_first_token_ms: speeds.firstTokenMs,
    decode_tokens_per_second: speeds.decode,
    prefill_tokens_per_second: Object.fromEntries(speeds.prefill),
    dispatches_per_token: facts.dispatches,
    weight_bytes_per_token: facts.weightBytes,
    weight_gigabytes_per_second: gigabytes(facts, speeds),
  };
}

function textOf(facts: Facts, speeds: Speeds): string {
  const random = facts.weights === "random" ? " with random weights" : "";
  const rows: (readonly [string, string])[] = [
    ["load", `${(facts.loadMs / 1000).toFixed(2)} s for ${printBytes(facts.loadBytes)}, shaders included`],
    ["memory", `${printBytes(facts.gpuBytes)} on the adapter, ${printBytes(facts.peakRss)} of the process at most`],
    ["first token", `${printSpread(speeds.firstTokenMs, "ms")} after a prompt of ${PROMPT}`],
    ["decode", `${printSpread(speeds.decode, "tokens/s")}, ${facts.tokens} tokens a run`],
    ...[...speeds.prefill].map(([n, s]) => [`prefill ${n}`, printSpread(s, "tokens/s")] as const),
    ["dispatches", `${facts.dispatches} a token`],
    ["weights read", `${printBytes(facts.weightBytes)} a token, ${gigabytes(facts, speeds).toFixed(1)} GB/s`],
  ];
  const head = `${facts.model}${random}, ${printDtypes(facts)}, on ${printAdapter(facts.adapter)}`;
  return `${head}\n${rows.map(([name, text]) => `  ${name.padEnd(14)}${text}\n`).join("")}`;
}

async function runHost(name: string | undefined, options: Options): Promise<void> {
  const model = name ?? (await embeddedModel());
  const toolkit = await loadToolkit(options.plugin);
  const read = withContext(await readModel(model, toolkit, printWarning), options.context);
  const { plan } = compileModel(read.family, read.config, {
    target: targetByName(options.target),
    toolkit,
    disable: options.disablePass ?? [],
    weights: await chooseDType(options.dtype, read),
    ...cachesOf(options),
    ways: ["disable", "weights", "context", "target"],
    entries: ["decode"],
  });
  const open = await openDawn({ quiet: true, backend: "null" });
  try {
    const { encodeMs, stepMs } = await measureHost(open, plan, HOST_STEPS);
    const dispatches = plan.entries[0]?.steps.length ?? 0;
    if (options.json) {
      const object = { model: name ?? "embedded", target: plan.target, dispatches_per_token: dispatches };
      printJson({ ...object, backend: "null", encode_ms: encodeMs, step_ms: stepMs });
      return;
    }
    const us = ({ median, min, max }: Spread) =>
      `${median.toFixed(3)} ms (${min.toFixed(3)} to ${max.toFixed(3)} of ${HOST_STEPS} steps)`;
    printLines(
      `${name ?? "embedded"}: the host's part of a decode step of ${dispatches} dispatches, on Dawn's null backend\n` +
        `  encode and submit  ${us(encodeMs)}\n  with its token id  ${us(stepMs)}\n`,
    );
  } finally {
    open.close();
  }
}
